"""All that is measured of a classifier, one class per row; see `kind_evaluation.ClassifierEvaluation`."""

from pathlib import Path
from typing import Any

from sklearn.metrics import confusion_matrix

from tasks.contracts.judging import Evaluate
from tasks.data.records import Array
from tasks.metrics import classification
from tasks.metrics.bootstrap import wilson
from tasks.metrics.classification import Settings, predicted
from tasks.metrics.compared import compared
from tasks.metrics.curves import precision_recall_rows, reliability_rows, roc_rows, write_rows
from tasks.metrics.paired import accuracy_drop
from tasks.metrics.resampling import Classification
from tasks.metrics.slices import parts_of, sliced

PRIMARY, LOWER_IS_BETTER = classification.PRIMARY, False


def headline(labels: Array, probabilities: Array) -> float:
    """Return the accuracy alone."""
    return float((predicted(probabilities) == labels).mean())


def measure(
    labels: Array, own: Array, reference: Array, facts: dict[str, Any], columns: dict[str, Array], params: Evaluate
) -> dict[str, Any]:
    """Measure a model against a reference on the same rows.

    Accuracy and its drop have intervals of their own (Wilson; Agresti and Min), which hold where few rows differ, too.

    Args:
        labels: true class indices, (rows,).
        own: probabilities of the model, (rows, classes).
        reference: probabilities of the float32 model, (rows, classes).
        facts: of the data set; `classes` has the names.
        columns: what the slices ask for, (rows,) each, by name.
        params: of the stage.

    Returns:
        `scores`: see `tasks.metrics.compared.compared`; `undefined`: why a figure is null or a class is left out of an
        average; `per_class`; `agreement_with_float32`; `confusion`: rows of true classes; `slices`, the worst first.
    """
    settings, classes = _settings(params), facts["classes"]
    measured = Classification(labels, own, classes, settings)
    scores = compared(measured, Classification(labels, reference, classes, settings), params)
    guesses, expected = predicted(own), predicted(reference)
    right, before = guesses == labels, expected == labels
    scores[PRIMARY]["interval"] = wilson(int(right.sum()), len(right), params.confidence)
    scores[PRIMARY]["drop_interval"] = accuracy_drop(before, right, params.confidence)["accuracy_drop_interval"]
    parts = parts_of(labels, classes, columns, params.slices)
    return {
        "scores": scores,
        "undefined": measured.scored.undefined,
        "per_class": dict(zip(classes, measured.scored.per_class, strict=True)),
        "agreement_with_float32": float((guesses == expected).mean()),
        "confusion": confusion_matrix(labels, guesses, labels=range(len(classes))).tolist(),
        "slices": sliced(right, before, parts, params.confidence),
    }


def write_tables(labels: Array, own: Array, facts: dict[str, Any], params: Evaluate, folder: Path) -> None:
    """Write what plots are made of; of `confusion` a line per row."""
    classes = facts["classes"]
    pairs = ((classes[label], classes[guess]) for label, guess in zip(labels, predicted(own), strict=True))
    write_rows(folder / "confusion.csv", ("actual", "predicted"), pairs)
    write_rows(
        folder / "roc.csv", ("class", "false_positive_rate", "true_positive_rate"), roc_rows(labels, own, classes)
    )
    rows = precision_recall_rows(labels, own, classes)
    write_rows(folder / "precision_recall.csv", ("class", "recall", "precision"), rows)
    bins = reliability_rows(labels, own, params.calibration_bins)
    write_rows(folder / "reliability.csv", ("confidence", "accuracy", "rows"), bins)


def scored(labels: Array, probabilities: Array, facts: dict[str, Any], params: Evaluate) -> classification.Scores:
    """Compute every metric without intervals; see `tasks.metrics.classification.scored`."""
    return classification.scored(labels, probabilities, facts["classes"], _settings(params))


def _settings(params: Evaluate) -> Settings:
    return Settings(params.top_k, params.calibration_bins)
