"""Latency that can be believed: one pinned core, one thread, a warm-up, two files in turn, nanoseconds."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tasks.data.records import Array


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


def in_turn(calls: list[Callable[[], Any]], warm_up_runs: int, runs: int) -> list[Array]:
    """Time calls in turn, so that a change of the machine's speed hits all of them.

    Args:
        calls: each answers one row, with one thread; see `ExportedFile.once`.
        warm_up_runs: of each call, not counted.
        runs: of each call.

    Returns:
        Nanoseconds, (runs,) of int64, for each call.
    """
    taken = np.empty((len(calls), runs), np.int64)
    with pinned():
        for run in range(-warm_up_runs, runs):
            for index, call in enumerate(calls):
                started = time.perf_counter_ns()
                call()
                if run >= 0:
                    taken[index, run] = time.perf_counter_ns() - started
    return list(taken)


def summary(nanoseconds: Array) -> dict[str, float]:
    """Return median, 95th percentile and median absolute deviation, in microseconds."""
    microseconds = nanoseconds / 1000
    median = float(np.median(microseconds))
    deviation = float(np.median(np.abs(microseconds - median)))
    return {"median": median, "p95": float(np.quantile(microseconds, 0.95)), "mad": deviation}
