"""Measures the exported file itself on the test split: `dvc repro evaluate@int8`."""

import csv
from importlib import import_module
from pathlib import Path

import numpy as np

from tasks.contracts import stage
from tasks.contracts.files import replacing, write_json
from tasks.contracts.params import Compute, Evaluate
from tasks.contracts.progress import say
from tasks.data import columns
from tasks.data.records import Array
from tasks.device.running import ExportedFile
from tasks.metrics.paired import accuracy_drop
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
) -> None:
    """Run the file and the float32 file on the same rows; write metrics, predictions and a confusion table.

    `predictions` holds row (rows,), label (rows,) and probabilities (rows, classes).

    Raises:
        DataError: the file is no TFLite model, or the test split is empty.
    """
    scores = import_module(f"tasks.kinds.{kind}.scores")
    target = columns.load(data)
    images, labels = target.column("test", "image").all(), target.column("test", "label").all()
    probabilities = ExportedFile(tflite, compute.threads).probabilities(images)
    reference = probabilities if tflite == float32 else ExportedFile(float32, compute.threads).probabilities(images)
    measured = scores.measure(labels, probabilities, target.classes, params.confidence)
    guesses, expected = scores.predicted(probabilities), scores.predicted(reference)
    compared = {
        "agreement_with_float32": float((guesses == expected).mean()),
        **accuracy_drop(expected == labels, guesses == labels, params.confidence),
    }
    with replacing(metrics) as metrics_file, replacing(predictions) as array_file, replacing(confusion) as table:
        write_json(metrics_file, {**measured, **compared, **sizes(tflite)})
        with array_file.open("wb") as file:  # a path would be given the suffix .npz
            np.savez(file, row=target.column("test", "row").all(), label=labels, probabilities=probabilities)
        _write_confusion(table, labels, guesses, target.classes)
    say(f"[100%] evaluate: {tflite.stem} {measured['accuracy']:.4f} on {len(labels)} rows")


def _write_confusion(path: Path, labels: Array, guesses: Array, classes: list[str]) -> None:
    """Write a line per row, as the confusion template of `dvc plots` takes it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["actual", "predicted"])
        writer.writerows((classes[label], classes[guess]) for label, guess in zip(labels, guesses, strict=True))


if __name__ == "__main__":
    stage.run(evaluate)
