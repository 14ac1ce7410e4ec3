"""Asking an exported file about rows of a table: predictions in the target's unit, (rows, 1)."""

import math
from pathlib import Path

from tasks.data.records import Array
from tasks.device.running import answers, once

__all__ = ["answers", "once", "told"]

DIGITS = 4  # that are told


def told(output: Array, assets: Path) -> str:
    """Write a prediction with as many digits as it is good for."""
    value = float(output[0])
    after_point = DIGITS - 1 - math.floor(math.log10(abs(value))) if value else 0
    return f"{round(value, after_point):,.{max(after_point, 0)}f}"
