"""The evaluation of a classifier: metrics, curves, slices."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix

from tasks.core.errors import ParamsError
from tasks.core.params.gates import Evaluate, Slice
from tasks.data.records import Array
from tasks.metrics import classification
from tasks.metrics.bootstrap import accuracy_drop, compared, wilson
from tasks.metrics.classification import Classification, Settings, bin_of, normalised, predicted

MICRO = "all classes"
MAX_POINTS = 100  # of a curve: more cannot be seen


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


def write_rows(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a CSV file as `dvc plots` takes it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _against_the_rest(labels: Array, probabilities: Array, classes: list[str]) -> list[tuple[str, Array, Array]]:
    """Return name, truth and scores of all classes pooled and of each class that has rows of its own and others."""
    truth = labels[:, np.newaxis] == np.arange(len(classes))
    each = [(name, truth[:, index], probabilities[:, index]) for index, name in enumerate(classes)]
    defined = [one for one in each if one[1].any() and not one[1].all()]
    return [(MICRO, truth.ravel(), probabilities.ravel()), *defined]


def _thinned(first: Array, second: Array) -> list[tuple[float, float]]:
    chosen = np.unique(np.linspace(0, len(first) - 1, MAX_POINTS).round().astype(int))
    return list(zip(map(float, first[chosen]), map(float, second[chosen]), strict=True))


MAX_VALUES = 100


def sliced(right: Array, reference: Array, parts: dict[str, Array], confidence: float) -> list[dict[str, Any]]:
    """Measure accuracy in each part.

    Args:
        right: which rows the model gets right, (rows,) of bool.
        reference: which rows float32 gets right, (rows,) of bool.
        parts: which rows are in each part, (rows,) of bool, by its name; parts without rows are left out.
        confidence: of the intervals.
    """
    found = [
        {
            "slice": name,
            "rows": int(part.sum()),
            "accuracy": float(right[part].mean()),
            "interval": wilson(int(right[part].sum()), int(part.sum()), confidence),
            "drop": float(reference[part].mean() - right[part].mean()),
            "drop_interval": accuracy_drop(reference[part], right[part], confidence)["accuracy_drop_interval"],
        }
        for name, part in parts.items()
        if part.any()
    ]
    return sorted(found, key=lambda one: (one["accuracy"], one["slice"]))


def parts_of(labels: Array, classes: list[str], columns: dict[str, Array], slices: list[Slice]) -> dict[str, Array]:
    """Return which rows are in each class and in each requested slice; see `selected`."""
    return {f"class = {name}": labels == index for index, name in enumerate(classes)} | slice_columns(columns, slices)


def slice_columns(columns: dict[str, Array], slices: list[Slice]) -> dict[str, Array]:
    """Return which rows are in each slice, (rows,) of bool, by its name.

    Raises:
        ParamsError: a slice compares text with a number, or a column has too many values for a slice each.
    """
    return {name: part for one in slices for name, part in _parts(one, columns[one.column])}


def _parts(one: Slice, column: Array) -> Iterator[tuple[str, Array]]:
    if one.at_least is None and one.below is None:
        values = np.unique(column)
        if len(values) > MAX_VALUES:
            raise ParamsError(
                got=f"evaluate.slices: a slice for each of the {len(values)} values of {one.column}",
                expected=f"at most {MAX_VALUES} values, or bounds",
                do="set at_least, below, or both",
            )
        yield from ((f"{one.column} = {value}", column == value) for value in values)
        return
    if column.dtype.kind == "U":
        raise ParamsError(
            got=f"evaluate.slices: bounds for {one.column}, which is text",
            do="set at_least and below to null: each value of the column is then a slice",
        )  # fmt: skip
    low = np.full(len(column), True) if one.at_least is None else column >= one.at_least
    high = np.full(len(column), True) if one.below is None else column < one.below
    conditions = [f"{one.column} >= {one.at_least:g}"] if one.at_least is not None else []
    conditions += [f"{one.column} < {one.below:g}"] if one.below is not None else []
    yield " and ".join(conditions), low & high


PRIMARY, LOWER_IS_BETTER = classification.PRIMARY, False


def headline(labels: Array, probabilities: Array) -> float:
    """Return the accuracy alone."""
    return float((predicted(probabilities) == labels).mean())


def measure(
    labels: Array, own: Array, reference: Array, metadata: dict[str, Any], columns: dict[str, Array], params: Evaluate
) -> dict[str, Any]:
    """Measure a model against a reference on the same rows.

    Accuracy and its drop have intervals of their own (Wilson; Agresti and Min), which hold where few rows differ, too.

    Args:
        labels: true class indices, (rows,).
        own: probabilities of the model, (rows, classes).
        reference: probabilities of the float32 model, (rows, classes).
        metadata: of the data set; `classes` has the names.
        columns: what the slices ask for, (rows,) each, by name.
        params: of the stage.

    Returns:
        `scores`: see `tasks.metrics.bootstrap.compared`; `undefined`: why a figure is null or a class is left out of an
        average; `per_class`; `agreement_with_float32`; `confusion`: rows of true classes; `slices`, the worst first.
    """
    settings, classes = _settings(params), metadata["classes"]
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


def write_tables(labels: Array, own: Array, metadata: dict[str, Any], params: Evaluate, folder: Path) -> None:
    """Write what plots are made of; of `confusion` a line per row."""
    classes = metadata["classes"]
    pairs = ((classes[label], classes[guess]) for label, guess in zip(labels, predicted(own), strict=True))
    write_rows(folder / "confusion.csv", ("actual", "predicted"), pairs)
    write_rows(
        folder / "roc.csv", ("class", "false_positive_rate", "true_positive_rate"), roc_rows(labels, own, classes)
    )
    rows = precision_recall_rows(labels, own, classes)
    write_rows(folder / "precision_recall.csv", ("class", "recall", "precision"), rows)
    bins = reliability_rows(labels, own, params.calibration_bins)
    write_rows(folder / "reliability.csv", ("confidence", "accuracy", "rows"), bins)


def scored(labels: Array, probabilities: Array, metadata: dict[str, Any], params: Evaluate) -> classification.Scores:
    """Compute every metric without intervals; see `tasks.metrics.classification.scored`."""
    return classification.scored(labels, probabilities, metadata["classes"], _settings(params))


def _settings(params: Evaluate) -> Settings:
    return Settings(params.top_k, params.calibration_bins)
