"""Measures the exported file itself on the test split: `dvc repro evaluate@int8`."""

from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import ParamsError, StageError
from tasks.core.files import replacing, write_json
from tasks.core.numbers import written
from tasks.core.params.gates import Evaluate, Unsure
from tasks.core.params.sections import Compute
from tasks.core.progress import say
from tasks.data import columns
from tasks.data.records import Array
from tasks.kinds import evaluation_of
from tasks.metrics.kind_evaluation import KindEvaluation, Predictions
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
    if params.unsure is not None:
        measured["unsure"] = _unsure(params.unsure, evaluation, target, tflite, (truth, own), compute.threads)
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


def _unsure(
    params: Unsure,
    evaluation: KindEvaluation,
    target: columns.Dataset,
    tflite: Path,
    test: tuple[Array, Array],
    threads: int,
) -> dict[str, Any]:
    """Choose on the validation rows when the file says "unsure", and measure it on the test rows.

    Raises:
        ParamsError: the kind has no classes.
    """
    from tasks.metrics import selective  # here: most lines do not ask for it

    if not evaluation.has_classes:
        raise ParamsError(
            got=f"evaluate.unsure for {target.metadata['kind']}", expected="a classifier",
            do="write `unsure: null` under evaluate",
        )  # fmt: skip
    validation = None
    if target.rows("validation"):
        labels = target.column("validation", target.target).all()
        validation = labels, _finite(evaluation.infer(tflite, target.fed("validation"), threads), tflite)
    found = selective.measured(validation, test, params)
    said = found["reason"] or f"{found['coverage']:.1%} of the test rows answered, the others unsure"
    say(f"evaluate: {tflite.stem} {said}")
    return found


def _finite(outputs: Array, tflite: Path) -> Array:
    if wrong := int((~np.isfinite(outputs)).any(axis=1).sum()):
        raise StageError(
            got=f"NaN or infinite outputs of {tflite} on {wrong} of {len(outputs)} test rows",
            do="check the recipe: the learning rate was too high, or the conversion failed",
        )
    return outputs
