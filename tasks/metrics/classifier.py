"""The evaluation of a classifier: metrics, curves, slices."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix

from tasks.core.files import write_csv
from tasks.core.params.gates import Evaluate, Slice
from tasks.data.columns import evenly
from tasks.data.records import Array
from tasks.metrics import classification
from tasks.metrics.bootstrap import accuracy_drop, compared, wilson
from tasks.metrics.classification import Classification, Settings, bin_of, normalised, predicted
from tasks.metrics.kind_evaluation import Predictions
from tasks.metrics.slices import slice_columns, slice_record, worst_first

MICRO = "all classes"
MAX_POINTS = 100  # of a curve: more cannot be seen
PRIMARY = classification.PRIMARY


def roc_rows(labels: Array, probabilities: Array, classes: list[str]) -> list[tuple[str, float, float]]:
    """Return (class, false positive rate, true positive rate), thinned; of all classes together first."""
    return [
        (name, false, true)
        for name, truth, scores in _against_the_rest(labels, probabilities, classes)
        for false, true in _thinned(*metrics.roc_curve(truth, scores)[:2])
    ]


def precision_recall_rows(labels: Array, probabilities: Array, classes: list[str]) -> list[tuple[str, float, float]]:
    """Return (class, recall, precision), thinned; of all classes together first."""
    return [
        (name, recall, precision)
        for name, truth, scores in _against_the_rest(labels, probabilities, classes)
        for precision, recall in _thinned(*metrics.precision_recall_curve(truth, scores)[:2])
    ]


def reliability_rows(labels: Array, probabilities: Array, bins: int) -> list[tuple[float, float, int]]:
    """Return (mean confidence, accuracy, rows) of each bin that has rows."""
    shares = normalised(probabilities)
    confidence = np.minimum(shares.max(axis=1), 1.0)
    accuracy, mean = calibration_curve(predicted(shares) == labels, confidence, n_bins=bins)
    counts = np.bincount(bin_of(confidence, bins), minlength=bins)
    return list(zip(map(float, mean), map(float, accuracy), map(int, counts[counts > 0]), strict=True))


def _against_the_rest(labels: Array, probabilities: Array, classes: list[str]) -> list[tuple[str, Array, Array]]:
    """Return name, truth and scores of all classes pooled and of each class that has rows of its own and others."""
    truth = labels[:, np.newaxis] == np.arange(len(classes))
    each = [(name, truth[:, index], probabilities[:, index]) for index, name in enumerate(classes)]
    defined = [one for one in each if one[1].any() and not one[1].all()]
    return [(MICRO, truth.ravel(), probabilities.ravel()), *defined]


def _thinned(first: Array, second: Array) -> list[tuple[float, float]]:
    chosen = evenly(len(first), MAX_POINTS)
    return list(zip(map(float, first[chosen]), map(float, second[chosen]), strict=True))


def sliced(right: Array, reference: Array, parts: dict[str, Array], confidence: float) -> list[dict[str, Any]]:
    """Measure accuracy in each part.

    Args:
        right: which rows the model gets right, (rows,) of bool.
        reference: which rows float32 gets right, (rows,) of bool.
        parts: which rows are in each part, (rows,) of bool, by its name; parts without rows are left out.
        confidence: of the intervals.
    """
    found = [
        slice_record(name, int(part.sum()), PRIMARY, _accuracy(right[part], reference[part], confidence))
        for name, part in parts.items()
        if part.any()
    ]
    return worst_first(found, PRIMARY)


def _accuracy(right: Array, reference: Array, confidence: float) -> dict[str, Any]:
    """Return accuracy and its drop with the intervals of their own."""
    return {
        "value": float(right.mean()),
        "interval": wilson(int(right.sum()), len(right), confidence),
        "drop": float(reference.mean() - right.mean()),
        "drop_interval": accuracy_drop(reference, right, confidence)["accuracy_drop_interval"],
    }


def parts_of(labels: Array, classes: list[str], columns: dict[str, Array], slices: list[Slice]) -> dict[str, Array]:
    """Return which rows are in each class and in each requested slice; see `selected`."""
    return {f"class = {name}": labels == index for index, name in enumerate(classes)} | slice_columns(columns, slices)


def headline(labels: Array, probabilities: Array) -> float:
    """Return the accuracy alone."""
    return float((predicted(probabilities) == labels).mean())


def measure(predictions: Predictions) -> dict[str, Any]:
    """Measure a model against a reference on the same rows.

    Accuracy and its drop have intervals of their own (Wilson; Agresti and Min), which hold where few rows differ, too.

    Args:
        predictions: `truth` are class indices, (rows,); `own` and `reference` are probabilities, (rows, classes);
            `metadata` has the names of the `classes`.

    Returns:
        `scores`: see `tasks.metrics.bootstrap.compared`; `undefined`: why a figure is null or a class is left out of an
        average; `per_class`; `agreement_with_float32`; `confusion`: rows of true classes; `slices`, the worst first.
    """
    labels, params, classes = predictions.truth, predictions.params, predictions.metadata["classes"]
    settings = _settings(params)
    measured = Classification(labels, predictions.own, classes, settings)
    scores = compared(measured, Classification(labels, predictions.reference, classes, settings), params)
    guesses, expected = predicted(predictions.own), predicted(predictions.reference)
    right, before = guesses == labels, expected == labels
    scores[PRIMARY]["interval"] = wilson(int(right.sum()), len(right), params.confidence)
    scores[PRIMARY]["drop_interval"] = accuracy_drop(before, right, params.confidence)["accuracy_drop_interval"]
    parts = parts_of(labels, classes, predictions.columns, params.slices)
    return {
        "scores": scores,
        "undefined": measured.scored.undefined,
        "per_class": dict(zip(classes, measured.scored.per_class, strict=True)),
        "agreement_with_float32": float((guesses == expected).mean()),
        "agreement_interval": wilson(int((guesses == expected).sum()), len(labels), params.confidence),
        "confusion": confusion_matrix(labels, guesses, labels=range(len(classes))).tolist(),
        "slices": sliced(right, before, parts, params.confidence),
    }


def write_tables(labels: Array, own: Array, metadata: dict[str, Any], params: Evaluate, folder: Path) -> None:
    """Write what plots are made of; of `confusion` a line per row."""
    classes = metadata["classes"]
    pairs = ((classes[label], classes[guess]) for label, guess in zip(labels, predicted(own), strict=True))
    write_csv(folder / "confusion.csv", ("actual", "predicted"), pairs)
    write_csv(
        folder / "roc.csv", ("class", "false_positive_rate", "true_positive_rate"), roc_rows(labels, own, classes)
    )
    rows = precision_recall_rows(labels, own, classes)
    write_csv(folder / "precision_recall.csv", ("class", "recall", "precision"), rows)
    bins = reliability_rows(labels, own, params.calibration_bins)
    write_csv(folder / "reliability.csv", ("confidence", "accuracy", "rows"), bins)


def scored(labels: Array, probabilities: Array, metadata: dict[str, Any], params: Evaluate) -> classification.Scores:
    """Compute every metric without intervals; see `tasks.metrics.classification.scored`."""
    return classification.scored(labels, probabilities, metadata["classes"], _settings(params))


def _settings(params: Evaluate) -> Settings:
    return Settings(params.top_k, params.calibration_bins)
