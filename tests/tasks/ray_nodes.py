"""Nodes of a Ray cluster: processes of this machine with an address of their own, to be started, lost and ended."""

import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from tests.tasks.running import end, marked, wait_until

MARK = "TRIMLINE_TEST_NODE"
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": uuid.uuid4().hex + uuid.uuid4().hex}


@dataclass(frozen=True)
class Node:
    """One machine, as Ray sees it.

    Attributes:
        mark: in the environment of all that runs on it.
        process: that was started.
        head: host:port of the cluster.
    """

    mark: str
    process: subprocess.Popen[bytes]
    head: str

    def lose(self) -> None:
        """Kill everything that runs on it at once."""

        def gone() -> bool:
            end(left := marked(MARK, self.mark))
            return not left

        wait_until(gone, 20, "the end of a node")
        self.process.wait()


class Cluster:
    """A head, and the nodes that join it; every node has one processor.

    Attributes:
        environment: of a stage whose workers run there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._nodes, self._temporary = folder, list[Node](), mkdtemp(prefix="ray-", dir="/tmp")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.2:{free.getsockname()[1]}"
        self.environment = {"RAY_ADDRESS": self.address, **TOKEN}
        port = self.address.partition(":")[2]
        self.add("--head", f"--port={port}", f"--temp-dir={self._temporary}", "--include-dashboard=false")

    def join(self, python: str = sys.executable, before: tuple[str, ...] = ()) -> Node:
        """Start a node, by another interpreter or within another command where that is asked for."""
        return self.add(f"--address={self.address}", python=python, before=before)

    def add(self, *options: str, python: str = sys.executable, before: tuple[str, ...] = ()) -> Node:
        """Start a node and wait until it is there."""
        number, mark = len(self._nodes) + 2, uuid.uuid4().hex
        words = [*before, python, "-m", "ray.scripts.scripts", "start", *options, "--block", "--num-cpus=1"]
        words += [f"--node-ip-address=127.0.0.{number}", "--object-store-memory=100000000", "--disable-usage-stats"]
        words += ["--min-worker-port=0", "--max-worker-port=0"]  # the default range is one per machine
        log = self._folder / f"node-{number}.log"
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        with log.open("w") as file:
            process = subprocess.Popen(
                words,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=inherited | TOKEN | {MARK: mark},
                start_new_session=True,
            )
        self._nodes.append(node := Node(mark, process, self.address))
        ready = wait_until(
            lambda: "Ray runtime started" in log.read_text() or process.poll() is not None, 90, "a node that is ready"
        )
        assert ready and process.poll() is None, log.read_text()
        return node

    def close(self) -> None:
        """End all nodes, the head last."""
        for node in reversed(self._nodes):
            node.lose()
        shutil.rmtree(self._temporary, ignore_errors=True)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    started = Cluster(folder)
    try:
        yield started
    finally:
        started.close()
