"""Golden vectors: inputs with the outputs that the released file gave, kept in the bundle to be replayed elsewhere."""

from pathlib import Path

import numpy as np

from tasks.data.records import Array
from tasks.device.running import ExportedFile

GOLDEN = "golden.npz"


def write(path: Path, images: Array, probabilities: Array) -> None:
    """Write raw inputs (rows, height, width, channels) of uint8 and outputs (rows, classes) of float32."""
    with path.open("wb") as file:  # a path would be given the suffix .npz
        np.savez(file, image=images, probabilities=probabilities)


def replay(model: Path, golden: Path) -> float:
    """Return the largest difference of any probability between the file here and where it was released.

    Raises:
        DataError: the model cannot be run.
    """
    with np.load(golden) as file:
        images, expected = file["image"], file["probabilities"]
    return float(np.abs(ExportedFile(model, threads=1).probabilities(images) - expected).max())


def evenly(rows: int, wanted: int) -> Array:
    """Return the indices of `wanted` rows, or all, from the first to the last."""
    return np.unique(np.linspace(0, rows - 1, min(wanted, rows)).round().astype(np.int64))
