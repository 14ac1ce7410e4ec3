"""Measures the exported file itself on the test split: `dvc repro evaluate@int8`."""

from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import numpy as np

from tasks.contracts import stage
from tasks.contracts.errors import ParamsError, StageError
from tasks.contracts.files import replacing, write_json
from tasks.contracts.judging import Evaluate
from tasks.contracts.params import Compute
from tasks.contracts.progress import say
from tasks.data import columns
from tasks.data.records import Array
from tasks.device.running import ExportedFile
from tasks.metrics.sizes import sizes


def evaluate(
    params: Evaluate,
    kind: str,
    compute: Compute,
    *,
    tflite: Path,
    float32: Path,
    data: Path,
    metrics: Path,
    predictions: Path,
    confusion: Path,
    roc: Path,
    precision_recall: Path,
    reliability: Path,
) -> None:
    """Run the file and the float32 file on the same rows; write metrics, predictions, and tables for plots.

    `predictions` holds row (rows,), label (rows,) and probabilities (rows, classes).

    Raises:
        DataError: the file is no TFLite model, or the test split is empty.
        ParamsError: a slice names a column that the data set lacks.
        StageError: an output is NaN or infinite.
    """
    scores = import_module(f"tasks.kinds.{kind}.scores")
    target = columns.load(data)
    images, labels = target.column("test", "image").all(), target.column("test", "label").all()
    asked = _asked(target, params)
    own = _outputs(tflite, images, compute.threads)
    reference = own if tflite == float32 else _outputs(float32, images, compute.threads)
    measured = scores.measure(labels, own, reference, target.classes, asked, params)
    facts = {"rows": len(labels), "confidence": params.confidence}
    with ExitStack() as stack:
        tables = {
            name: stack.enter_context(replacing(path))
            for name, path in (
                ("confusion", confusion), ("roc", roc), ("precision_recall", precision_recall),
                ("reliability", reliability),
            )
        }  # fmt: skip
        metrics_file, array_file = stack.enter_context(replacing(metrics)), stack.enter_context(replacing(predictions))
        scores.write_tables(labels, own, target.classes, params.calibration_bins, **tables)
        write_json(metrics_file, {**facts, **measured, **sizes(tflite)})
        with array_file.open("wb") as file:  # a path would be given the suffix .npz
            np.savez(file, row=target.column("test", "row").all(), label=labels, probabilities=own)
    primary = measured["scores"][scores.PRIMARY]["value"]
    say(f"[100%] evaluate: {tflite.stem} {scores.PRIMARY} {primary:.4f} on {len(labels)} rows")


def _outputs(tflite: Path, images: Array, threads: int) -> Array:
    """Return the file's probabilities, (rows, classes)."""
    outputs = ExportedFile(tflite, threads).probabilities(images)
    if wrong := int((~np.isfinite(outputs)).any(axis=1).sum()):
        raise StageError(
            got=f"NaN or infinite outputs of {tflite} on {wrong} of {len(outputs)} test rows",
            expected="finite numbers",
            do="look at the recipe: a model with such weights was trained with too high a rate, or converted wrongly",
        )
    return outputs


def _asked(target: columns.Dataset, params: Evaluate) -> dict[str, Array]:
    """Return the columns that the slices name, (rows,) each."""
    if missing := {one.column for one in params.slices} - set(target.attributes):
        raise ParamsError(
            got=f"evaluate.slices of {', '.join(sorted(missing))}",
            expected=f"columns of the target: {', '.join(target.attributes) or 'it has none'}",
            do="correct the name, or bring the column: preprocess.target.attributes",
        )
    return {one.column: target.column("test", one.column).all() for one in params.slices}


if __name__ == "__main__":
    stage.run(evaluate)
