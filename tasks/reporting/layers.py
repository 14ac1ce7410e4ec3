"""The sensitivity of each layer of a file: what it alone can still lose, measured while the page is made."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tasks.compression.search.space import Sensitivity, sensitivities
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.tflite.file import File, Weighted
from tasks.tflite.runtime import ExportedFile

MAX_LAYERS = 40
MAX_WEIGHTS = 50_000  # rounding takes 0.14 ms for each on one core
MAX_ROWS, MIN_ROWS = 500, 50
MAX_MACS = 6_000_000_000  # of all answers together: some seconds
RUNS = 4  # of all rows, for each layer
CALIBRATION_ROWS = 100


@dataclass(frozen=True)
class Layers:
    """Of a file.

    Attributes:
        rows: of the test split, whose answers were compared.
        found: in the order of the file.
        left_out: why nothing was measured, None where it was.
    """

    rows: int = 0
    found: list[Sensitivity] = field(default_factory=list)
    left_out: str | None = None


def layers_of(model: Path, data: Dataset, macs: int) -> Layers:
    """Round each int8 kernel of a file alone and see what it saves and which answers change.

    How much is measured follows from the file alone and never from a clock, so that equal files give equal pages.

    Args:
        model: the file.
        data: training rows give the statistics, test rows the answers.
        macs: multiply-accumulates of one inference.
    """
    if list(data.inputs) != ["image"]:
        return Layers(left_out="it is measured for files that are fed an image.")
    content = model.read_bytes()
    file = File(content)
    operators = [one for one in file.weighted() if file.dtype(one.kernel) == file.dtype(one.inputs) == np.int8]
    weights = sum(file.values(one.kernel).size for one in operators)
    rows = min(MAX_ROWS, data.rows("test"), MAX_MACS // max(1, RUNS * len(operators) * macs))
    if reason := _too_much(len(operators), weights, rows, data.rows("test")):
        return Layers(left_out=reason)
    exported = ExportedFile(model, threads=1)
    calibration = _reals(exported, data.column("train", "image").take(_first(data.rows("train"), CALIBRATION_ROWS)))
    shown = _reals(exported, data.column("test", "image").take(_first(data.rows("test"), rows)))
    names = [_name(place, file, one) for place, one in enumerate(operators, 1)]
    return Layers(rows, sensitivities(content, names, calibration, shown))


def _too_much(layers: int, weights: int, rows: int, all_rows: int) -> str | None:
    if not layers:
        return "the file has no int8 layers."
    if layers > MAX_LAYERS:
        return f"{layers} layers; more than {MAX_LAYERS} would take minutes."
    if weights > MAX_WEIGHTS:
        return f"{weights:,} weights; more than {MAX_WEIGHTS:,} would take minutes."
    if rows < min(MIN_ROWS, all_rows):
        return f"an inference is so long that fewer than {MIN_ROWS} rows fit into some seconds."
    return None


def _first(rows: int, wanted: int) -> Array:
    return np.arange(min(rows, wanted))


def _reals(file: ExportedFile, images: Array) -> Array:
    """Return raw images as the real values that the file's int8 input stands for, (rows, ...) of float32."""
    scale, zero_point = file.input["quantization"]
    return np.asarray((file.feed(images).astype(np.float32) - zero_point) * np.float32(scale))


def _name(place: int, file: File, operator: Weighted) -> str:
    """Name a layer by its place, operator and kernel: `2 conv 3x3, 16 to 32`."""
    shape = [int(size) for size in file.tensors[operator.kernel].shape]
    if operator.kind == "dense":
        return f"{place} dense, {shape[1]} to {shape[0]}"
    window = f"{place} {operator.kind} {shape[1]}x{shape[2]}"
    return f"{window}, {shape[3]}" if operator.kind == "depthwise" else f"{window}, {shape[3]} to {shape[0]}"
