"""The cost of running a `.tflite` file: memory, multiplications, operators, latency."""

import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from tasks.data.records import Array
from tasks.tflite.file import File, Weighted, parts


def resident_bytes() -> int:
    """Return the memory that this process has in RAM now (Linux), or had at most (elsewhere), in bytes."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def tensor_bytes(*interpreters: Any) -> int:
    """Return the bytes of all tensors, weights included: what a device needs where no two of them share a place."""
    tensors = [tensor for interpreter in interpreters for tensor in interpreter.get_tensor_details()]
    return int(sum(np.prod(tensor["shape"]) * np.dtype(tensor["dtype"]).itemsize for tensor in tensors))


def macs(content: bytes) -> int:
    """Count the multiply-accumulates of one inference in convolutions, depthwise convolutions and dense layers.

    Everything else (activations, pooling, a softmax) is left out, as is usual, and so are products of two tensors
    neither of which is a constant.

    Args:
        content: of a file whose batch is one row; of one with several signatures each is run once.
    """
    files = [File(part) for part in parts(content)]
    return sum(_of(file, operator) for file in files for operator in file.weighted())


def _of(file: File, operator: Weighted) -> int:
    """Return the outputs of an operator times the inputs that each is summed over."""
    kernel = [int(size) for size in file.tensors[operator.kernel].shape]
    summed = kernel[1:3] if operator.kind == "depthwise" else kernel[1:]
    return prod(int(size) for size in file.tensors[operator.output].shape) * prod(summed)


DELEGATE = "DELEGATE"


def written_types(*interpreters: Any) -> list[str]:
    """Return the types of the tensors that the operators of loaded files write, such as ["int8"]."""
    found: set[str] = set()
    for interpreter in interpreters:
        types = {int(tensor["index"]): np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
        nodes = (node for node in interpreter._get_ops_details() if node["op_name"] != DELEGATE)
        found |= {types[int(index)] for node in nodes for index in node["outputs"] if int(index) in types}
    return sorted(found)


def operators(*interpreters: Any) -> dict[str, dict[str, int]]:
    """Count the operators of loaded files together, as {"all": {name: count}, "not_delegated": {name: count}}.

    A file with several signatures is loaded once for each; see `tasks.tflite.file.parts`.
    """
    counted = [_operators(interpreter) for interpreter in interpreters]
    return {
        name: dict(sorted(sum((Counter(found[place]) for found in counted), Counter[str]()).items()))
        for place, name in enumerate(("all", "not_delegated"))
    }


def _operators(interpreter: Any) -> tuple[list[str], list[str]]:
    """Return the names of all operators of the first graph, and of those that no delegate has taken.

    The interpreter keeps the nodes that a delegate has replaced. So the plan is walked back from the outputs: a tensor
    that a delegate's node writes hides the nodes behind it; one that an ordinary node writes shows that it runs.
    """
    nodes = interpreter._get_ops_details()
    delegates = [node for node in nodes if node["op_name"] == DELEGATE]
    ordinary = [node for node in nodes if node["op_name"] != DELEGATE]
    by_output = {int(tensor): node for group in (ordinary, delegates) for node in group for tensor in node["outputs"]}
    waiting = [int(detail["index"]) for detail in interpreter.get_output_details()]
    running: dict[int, str] = {}
    seen: set[int] = set()
    while waiting:
        tensor = waiting.pop()
        if tensor in seen or tensor not in by_output:
            continue
        seen.add(tensor)
        node = by_output[tensor]
        running[int(node["index"])] = node["op_name"]
        waiting += [int(source) for source in node["inputs"] if source >= 0]
    return [node["op_name"] for node in ordinary], [name for name in running.values() if name != DELEGATE]


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


def latency_summary(nanoseconds: Array) -> dict[str, float]:
    """Return median, 95th percentile and median absolute deviation, in microseconds."""
    microseconds = nanoseconds / 1000
    median = float(np.median(microseconds))
    deviation = float(np.median(np.abs(microseconds - median)))
    return {"median": median, "p95": float(np.quantile(microseconds, 0.95)), "mad": deviation}
