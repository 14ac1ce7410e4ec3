"""All-reduce of gradients between two processes of one host, through shared memory.

TensorFlow's ring sends them through the network, by threads that wake each other: milliseconds of a step. Here each
process writes its own into memory, says so by one byte, then adds the other's. The sum of two numbers does not depend
on their order, so it has the bytes of the ring; of three it does, so more processes than two use the ring.
"""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import math
import mmap
import os
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
import tensorflow as tf

from tasks.data.records import Array
from tasks.models.strategy import ReplicaContext

SECONDS_TO_CONNECT = 60
SECONDS_STOPPED = 10  # after which a stopped process counts as lost; a slow one does not
NUM_BUFFERS = 2  # a step's memory is written again two steps later: the other has read it when it has written the next


class SharedMemoryAllreduce:
    """The other one of two processes of a host.

    Args:
        name: of where they meet, of this run alone.
        rank: 0 or 1, of this process.
        shapes: of the float32 arrays that are summed at once.

    Raises:
        OSError: the other does not come within SECONDS_TO_MEET.
    """

    def __init__(self, name: str, rank: int, shapes: list[Any]) -> None:
        connect = _accept if rank == 0 else _connect
        self._socket = connect(f"\0{name}")  # Linux keeps such a name until its process ends, and on no disk
        self._socket.settimeout(SECONDS_TO_CONNECT)
        sizes = [math.prod(shape) for shape in shapes]
        if rank == 0:
            file = os.memfd_create("gradients")
            os.ftruncate(file, NUM_BUFFERS * 2 * sum(sizes) * 4)
            socket.send_fds(self._socket, [b"."], [file])
        else:
            _, files, *_ = socket.recv_fds(self._socket, 1, 1)
            if not files:
                raise ConnectionError("the other worker has ended")
            file = files[0]
        self._socket.settimeout(1)
        shared = np.frombuffer(mmap.mmap(file, 0), np.float32).reshape(NUM_BUFFERS, 2, sum(sizes))
        os.close(file)

        def arrays(numbers: Array) -> list[Array]:
            parts = np.split(numbers, np.cumsum(sizes)[:-1])
            return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

        self._own = [arrays(buffer[rank]) for buffer in shared]
        self._other = [arrays(buffer[1 - rank]) for buffer in shared]
        self._buffer = 0

    @classmethod
    def of(cls, replica: ReplicaContext, variables: list[Any]) -> Self | None:
        """Return the other process of `replica`, for the gradients of these variables; None where the ring is to sum.

        Both processes call this, and get the same answer.
        """
        compiled = replica.speed is not None and (replica.speed.xla or replica.speed.gpus_per_worker > 0)
        if sys.platform != "linux" or replica.size != 2 or compiled:
            return None
        addresses = replica.strategy.cluster_resolver.cluster_spec().as_dict()["worker"]
        if len({address.rpartition(":")[0] for address in addresses}) > 1:
            return None
        return cls(f"trimline-{addresses[0]}", replica.rank, [tuple(variable.shape) for variable in variables])

    def sum(self, *own: Array) -> list[Array]:
        """Return own arrays of float32 plus the other's; both processes call this equally often.

        Raises:
            ConnectionError: the other has ended, or was stopped.
        """
        for memory, array in zip(self._own[self._buffer], own, strict=True):
            memory[...] = array
        self._socket.sendall(b".")
        self._wait()
        total = [array + other for array, other in zip(own, self._other[self._buffer], strict=True)]
        self._buffer = (self._buffer + 1) % NUM_BUFFERS
        return total

    def _wait(self) -> None:
        stopped = 0
        while stopped < SECONDS_STOPPED:
            try:
                if self._socket.recv(1):
                    return
                raise ConnectionError("the other worker has ended")
            except TimeoutError:
                stopped = stopped + 1 if _is_stopped(self._socket) else 0
        raise ConnectionError(f"the other worker has been stopped for {SECONDS_STOPPED} s")

    def summed(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Return the sums of both processes' gradients, as tensors of a graph."""
        totals = tf.numpy_function(self.sum, gradients, [tf.float32] * len(gradients))
        return [tf.ensure_shape(total, own.shape) for total, own in zip(totals, self._own[0], strict=True)]


def _accept(name: str) -> socket.socket:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen()
        listening.settimeout(SECONDS_TO_CONNECT)
        while not _is_own(found := listening.accept()[0]):
            found.close()
    return found


def _connect(name: str) -> socket.socket:
    found, end = socket.socket(socket.AF_UNIX), time.monotonic() + SECONDS_TO_CONNECT
    while found.connect_ex(name):
        if time.monotonic() > end:
            raise TimeoutError(f"no other worker came in {SECONDS_TO_CONNECT} s")
        time.sleep(0.05)
    if not _is_own(found):
        raise ConnectionError("another user's process has this worker's name")
    return found


def _credentials(found: socket.socket) -> tuple[int, int]:
    """Return the process at the other end and its user; the process is 0 where it is not to be seen."""
    credentials = found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    process, user, _ = struct.unpack("3i", credentials)
    return process, user


def _is_own(found: socket.socket) -> bool:
    """Whether the other end is of this user: a name without a file is open to all of a host."""
    return _credentials(found)[1] == os.getuid()


def _is_stopped(found: socket.socket) -> bool:
    """Whether the process at the other end was stopped by a signal or a debugger."""
    stat = Path(f"/proc/{_credentials(found)[0]}/stat")
    return stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] in "Tt"
