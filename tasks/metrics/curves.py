"""Curves of a classifier as rows for `dvc plots` and the report: ROC, precision and recall, reliability."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve

from tasks.data.records import Array
from tasks.metrics.classification import bin_of, normalised, predicted

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
