"""Work in processes side by side, its results in the order of the work: local processes, or Ray.

Where and in how many processes work is done changes no result, so it is environment and no parameter:
`TRIMLINE_WORKERS` processes, as many as there are processors where it is not set; the nodes of `RAY_ADDRESS` where that
is set.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tasks.core import environment, ray_cluster
from tasks.core.errors import ParamsError, StageError

WORKERS = "TRIMLINE_WORKERS"
WORTH_BYTES = 64 << 20  # of input: with less, a second process would have little done before the first was ready
AHEAD = 2  # groups of items that wait for each worker
TOGETHER = 8  # items in a group at most: sending many small ones one by one takes longer than the work
ROUNDS = 8  # groups for each worker at least, so that none waits long for another at the end

Item = TypeVar("Item")
Result = TypeVar("Result")


class Each(Protocol):
    """Maps a picklable function over items: like `map`, or in processes that work ahead of the consumer."""

    def __call__(self, function: Callable[[Item], Result], items: Sequence[Item], /) -> Iterator[Result]:
        """Yield the results in the order of the items; the first error in that order is raised unchanged."""


@contextmanager
def process_pool(input_bytes: int, seen_by_all: Path) -> Iterator[Each]:
    """Yield a parallel `map`; on exit, also after an error, all of its processes have ended.

    Args:
        input_bytes: size of the data to be processed.
        seen_by_all: a file that every node of a cluster has to have, at this path.

    Raises:
        ParamsError: `TRIMLINE_WORKERS` is no number of processes.
        StageError: a process was killed.
    """
    count = workers(input_bytes)
    if os.environ.get(ray_cluster.ADDRESS):
        with _over_ray(seen_by_all) as each:
            yield each
    elif count == 1:
        yield map
    else:
        with _in_processes(count) as each:
            yield each


def workers(input_bytes: int) -> int:
    """Return how many processes to use: `TRIMLINE_WORKERS`, else one, or all processors where the input is large.

    Raises:
        ParamsError: `TRIMLINE_WORKERS` is no positive number.
    """
    setting = os.environ.get(WORKERS)
    if setting is None:
        return _processors() if input_bytes >= WORTH_BYTES else 1
    if not setting.isdigit() or not int(setting):
        raise ParamsError(
            got=f"{WORKERS}={setting!r}", expected="a number of processes, from 1", do=f"correct or unset {WORKERS}"
        )
    return int(setting)


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _in_processes(count: int) -> Iterator[Each]:
    context, others = multiprocessing.get_context("spawn"), set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(count, mp_context=context, initializer=environment.die_with_parent)
    try:
        for _ in range(count):
            executor.submit(int)  # so that the processes start now, and not when there is work for them
        yield partial(_windowed, executor.submit, Future.result, count)
    except BaseException:
        for process in (
            set(multiprocessing.active_children()) - others
        ):  # an item may take long, and nobody waits for its result
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def _over_ray(seen_by_all: Path) -> Iterator[Each]:
    with ray_cluster.connected(workers=1, processors=1, gpus=0):
        ray_cluster.require_alike(environment.lock_file(), seen_by_all)
        import ray

        remote = ray.remote(num_cpus=1)(_at)
        count = int(os.environ.get(WORKERS) or ray.cluster_resources()["CPU"])
        yield partial(_windowed, partial(remote.remote, str(Path.cwd())), _got, count)


def _at(root: str, do: Callable[..., list[Result]], *setting: Any) -> list[Result]:
    """Process some items in the project's folder, on any node."""
    os.chdir(root)
    return do(*setting)


def _got(reference: Any) -> Any:
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise _lost_worker(str(error).strip().splitlines()[0]) from None


def _windowed(
    submit: Callable[..., Any],
    result_of: Callable[[Any], list[Result]],
    workers: int,
    function: Callable[[Item], Result],
    items: Sequence[Item],
    /,
) -> Iterator[Result]:
    """Start work on the items, and return an iterator over the results in their order.

    At most `AHEAD` groups per worker are started before the first result is consumed.
    """
    size = min(TOGETHER, max(1, len(items) // (ROUNDS * workers)))
    groups = (items[start : start + size] for start in range(0, len(items), size))
    begun = (submit(_done, function, group) for group in groups)
    with _noticed():
        waiting = deque(islice(begun, AHEAD * workers))

    def results() -> Iterator[Result]:
        while waiting:
            with _noticed():
                found = result_of(waiting.popleft())
                waiting.extend(islice(begun, 1))
            yield from found

    return results()


@contextmanager
def _noticed() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool:
        raise _lost_worker("a process ended in the middle of its work") from None


def _done(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


def _lost_worker(setting: str) -> StageError:
    return StageError(
        got=f"a worker was killed, probably out of memory: {setting}",
        do=f"lower {WORKERS} or preprocess.<role>.shard_rows; `dmesg` shows whether the system ran out of memory",
    )
