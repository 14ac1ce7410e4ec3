"""Asking an exported file about images."""

from collections.abc import Callable
from pathlib import Path

from tasks.data.records import Array, Columns
from tasks.device.classes import told
from tasks.device.running import ExportedFile

__all__ = ["answers", "once", "told"]


def answers(source: Path | bytes, inputs: Columns, threads: int) -> Array:
    """Return probabilities, (rows, classes) of float32."""
    return ExportedFile(source, threads).outputs(inputs)


def once(source: Path, inputs: Columns) -> Callable[[], None]:
    """Return what answers the first row, ready to be timed."""
    return ExportedFile(source, threads=1).once(inputs)
