"""Golden vectors: inputs with the outputs that the released file gave, kept in the bundle to be replayed elsewhere."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tasks.data.records import Array, Columns

GOLDEN, OUTPUTS = "golden.npz", "outputs"

Infer = Callable[[Path, Columns, int], Array]  # outputs of a file, (rows, n), for inputs by name, on so many threads


def write(path: Path, inputs: Columns, outputs: Array) -> None:
    """Write raw inputs by name, (rows, ...) each, and outputs, (rows, n)."""
    with path.open("wb") as file:  # a path would be given the suffix .npz
        np.savez(file, **{**inputs, OUTPUTS: outputs})  # type: ignore[arg-type]


def replay(model: Path, golden: Path, infer: Infer) -> float:
    """Return the largest difference of any output between the file here and where it was released.

    Args:
        model: the file.
        golden: its vectors.
        infer: of its kind; see `tasks.metrics.kind_evaluation.KindEvaluation`.

    Raises:
        DataError: the model cannot be run.
    """
    with np.load(golden) as file:
        inputs, expected = {name: file[name] for name in file.files if name != OUTPUTS}, file[OUTPUTS]
    return float(np.abs(infer(model, inputs, 1) - expected).max())


def evenly(rows: int, wanted: int) -> Array:
    """Return the indices of `wanted` rows, or all, from the first to the last."""
    return np.unique(np.linspace(0, rows - 1, min(wanted, rows)).round().astype(np.int64))
