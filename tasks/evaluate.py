"""Measures the exported file itself on the test split: `dvc repro evaluate@int8`."""

from pathlib import Path

import numpy as np

from tasks.core.errors import StageError
from tasks.core.files import replacing, write_json
from tasks.core.numbers import written
from tasks.core.params.gates import Evaluate
from tasks.core.params.sections import Compute
from tasks.core.progress import say
from tasks.data import columns
from tasks.data.records import Array
from tasks.kinds import evaluation_of
from tasks.metrics.kind_evaluation import Predictions
from tasks.tflite.sizes import sizes


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
    tables: Path,
) -> None:
    """Run the file and the float32 file on the same rows; write metrics, predictions, and tables for plots.

    `predictions` holds `row` (rows,), the target by its name (rows, ...), and `outputs` (rows, n).

    Raises:
        DataError: the file is no TFLite model, or the test split is empty.
        ParamsError: a slice names a column that the data set lacks.
        StageError: an output is NaN or infinite.
    """
    evaluation = evaluation_of(kind)
    target = columns.load(data)
    inputs, truth = target.fed("test"), target.column("test", target.target).all()
    slices = target.chosen("test", {one.column for one in params.slices}, "evaluate.slices")
    own = _finite(evaluation.infer(tflite, inputs, compute.threads), tflite)
    reference = own if tflite == float32 else _finite(evaluation.infer(float32, inputs, compute.threads), float32)
    measured = evaluation.measure(Predictions(truth, own, reference, target.metadata, slices, params))
    metadata = {"rows": len(truth), "confidence": params.confidence, "primary": evaluation.primary}
    with replacing(tables) as folder, replacing(metrics) as metrics_file, replacing(predictions) as array_file:
        folder.mkdir()
        evaluation.write_tables(truth, own, target.metadata, params, folder)
        write_json(metrics_file, {**metadata, **measured, **sizes(tflite)})
        with array_file.open("wb") as file:  # a path would be given the suffix .npz
            saved = truth.astype(np.str_) if truth.dtype == object else truth  # objects would be pickled
            arrays = {"row": target.column("test", "row").all(), target.target: saved, "outputs": own}
            np.savez(file, **arrays)  # type: ignore[arg-type]
    primary = measured["scores"][evaluation.primary]["value"]
    say(f"[100%] evaluate: {tflite.stem} {evaluation.primary} {written(primary)} on {len(truth)} rows")


def _finite(outputs: Array, tflite: Path) -> Array:
    if wrong := int((~np.isfinite(outputs)).any(axis=1).sum()):
        raise StageError(
            got=f"NaN or infinite outputs of {tflite} on {wrong} of {len(outputs)} test rows",
            do="check the recipe: the learning rate was too high, or the conversion failed",
        )
    return outputs
