"""What a loaded file takes of a device's memory."""

import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np


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
