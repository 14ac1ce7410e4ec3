"""Asking an exported file about rows of a table."""

import math
from collections.abc import Callable
from pathlib import Path

from tasks.data.records import Array, Columns
from tasks.device.running import ExportedFile

DIGITS = 4  # that are told


def answers(source: Path | bytes, inputs: Columns, threads: int) -> Array:
    """Return predictions in the target's unit, (rows, 1) of float32."""
    return ExportedFile(source, threads).outputs(inputs)


def once(source: Path, inputs: Columns) -> Callable[[], None]:
    """Return what answers the first row, ready to be timed."""
    return ExportedFile(source, threads=1).once(inputs)


def told(output: Array, assets: Path) -> str:
    """Write a prediction with as many digits as it is good for."""
    value = float(output[0])
    after_point = DIGITS - 1 - math.floor(math.log10(abs(value))) if value else 0
    return f"{round(value, after_point):,.{max(after_point, 0)}f}"
