"""Latency that can be believed: one pinned core, one thread, a warm-up, two files in turn, nanoseconds."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tasks.data.records import Array, Columns
from tasks.device.running import ExportedFile


@contextmanager
def pinned() -> Iterator[None]:
    """Keep this process on one processor; where the system cannot (macOS), the scheduler decides."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def in_turn(files: list[ExportedFile], inputs: Columns | list[Columns], warm_up_runs: int, runs: int) -> list[Array]:
    """Time single-row inferences of the files in turn, so that a change of the machine's speed hits all of them.

    Args:
        files: loaded with one thread.
        inputs: raw rows by name, of which the first is fed; or those of each file.
        warm_up_runs: of each file, not counted.
        runs: of each file.

    Returns:
        Nanoseconds, (runs,) of int64, for each file. Setting the input and reading the output are not counted.
    """
    for file, fed in zip(files, inputs if isinstance(inputs, list) else [inputs] * len(files), strict=True):
        file.load(fed, 0)
    taken = np.empty((len(files), runs), np.int64)
    with pinned():
        for run in range(-warm_up_runs, runs):
            for index, file in enumerate(files):
                started = time.perf_counter_ns()
                file.interpreter.invoke()
                if run >= 0:
                    taken[index, run] = time.perf_counter_ns() - started
    return list(taken)


def summary(nanoseconds: Array) -> dict[str, float]:
    """Return median, 95th percentile and median absolute deviation, in microseconds."""
    microseconds = nanoseconds / 1000
    median = float(np.median(microseconds))
    deviation = float(np.median(np.abs(microseconds - median)))
    return {"median": median, "p95": float(np.quantile(microseconds, 0.95)), "mad": deviation}
