"""Metrics of one class per row, by scikit-learn. What is undefined is None, with the reason; nothing is a silent zero.

An average over classes is taken over those whose own figure is defined; `undefined` names the ones left out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve

from tasks.data.records import Array

PRIMARY = "accuracy"
LOWER_IS_BETTER = frozenset({"log_loss", "calibration_error"})
AVERAGES = ("macro", "weighted")


@dataclass(frozen=True)
class Settings:
    """What the metrics need to be told.

    Attributes:
        top_k: for `top_<k>_accuracy`; undefined where there are no more classes than that.
        calibration_bins: of equal width, for `calibration_error`.
    """

    top_k: int
    calibration_bins: int


@dataclass(frozen=True)
class Scores:
    """Figures of a set of rows.

    Attributes:
        values: by metric.
        per_class: by class index, then by metric.
        undefined: why a figure is None or a class was left out of an average, by metric or `metric of class`.
    """

    values: dict[str, float | None]
    per_class: list[dict[str, float | None]]
    undefined: dict[str, str]


def scored(labels: Array, probabilities: Array, classes: list[str], settings: Settings) -> Scores:
    """Compute every metric.

    Args:
        labels: true class indices, (rows,).
        probabilities: (rows, classes); rows of a quantized softmax, whose sums are not quite 1, are divided by them for
            `log_loss` and `calibration_error`.
        classes: the class names.
        settings: see `Settings`.
    """
    guesses, shares, indices = predicted(probabilities), normalised(probabilities), np.arange(len(classes))
    values: dict[str, float | None] = {
        "accuracy": float(metrics.accuracy_score(labels, guesses)),
        "balanced_accuracy": _finite(_averaged(labels, guesses, indices, "macro")[1]),
    }
    for average in AVERAGES:
        figures = _averaged(labels, guesses, indices, average)
        values |= {f"{name}_{average}": _finite(figure) for name, figure in zip(THREE, figures, strict=False)}
    enough = len(classes) > settings.top_k
    values[f"top_{settings.top_k}_accuracy"] = (
        float(metrics.top_k_accuracy_score(labels, probabilities, k=settings.top_k, labels=indices)) if enough else None
    )
    values["log_loss"] = float(metrics.log_loss(labels, shares, labels=indices))
    values["calibration_error"] = calibration_error(labels, shares, settings.calibration_bins)
    per_class = _per_class(labels, guesses, probabilities, indices)
    for name in ("roc_auc", "average_precision"):
        defined = [figure for one in per_class if (figure := one[name]) is not None]
        values[f"{name}_macro"] = float(np.mean(defined)) if defined else None
    truth = labels[:, np.newaxis] == indices
    values["roc_auc_micro"] = float(metrics.roc_auc_score(truth.ravel(), probabilities.ravel()))
    values["average_precision_micro"] = float(metrics.average_precision_score(truth.ravel(), probabilities.ravel()))
    return Scores(values, per_class, _reasons(labels, per_class, classes, values, settings))


THREE = ("precision", "recall", "f1")


def predicted(probabilities: Array) -> Array:
    """Return the class index of each row, (rows,); the first of equal scores wins."""
    return np.asarray(probabilities.argmax(axis=1))


def normalised(probabilities: Array) -> Array:
    """Return rows that sum to 1, (rows, classes) of float64."""
    exact = probabilities.astype(np.float64)
    return np.asarray(exact / exact.sum(axis=1, keepdims=True))


def calibration_error(labels: Array, shares: Array, bins: int) -> float:
    """Return the expected calibration error of the likeliest class (Guo et al. 2017, arXiv:1706.04599), equal bins."""
    confidence = np.minimum(shares.max(axis=1), 1.0)
    right = shares.argmax(axis=1) == labels
    accuracy, mean = calibration_curve(right, confidence, n_bins=bins)
    counts = np.bincount(bin_of(confidence, bins), minlength=bins)
    return float(np.average(np.abs(accuracy - mean), weights=counts[counts > 0]))


def bin_of(confidence: Array, bins: int) -> Array:
    """Return the bin of each confidence, as scikit-learn's `calibration_curve` takes it."""
    return np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], confidence)


def _averaged(labels: Array, guesses: Array, indices: Array, average: str) -> tuple[float, ...]:
    figures: tuple[float, ...] = metrics.precision_recall_fscore_support(
        labels, guesses, labels=indices, average=average, zero_division=np.nan
    )
    return figures


def _per_class(labels: Array, guesses: Array, probabilities: Array, indices: Array) -> list[dict[str, float | None]]:
    three = metrics.precision_recall_fscore_support(labels, guesses, labels=indices, zero_division=np.nan)
    found = []
    for index in indices:
        own = labels == index
        both = own.any() and not own.all()
        scores = probabilities[:, index]
        figures = {name: _finite(three[place][index]) for place, name in enumerate(THREE)}
        figures["roc_auc"] = float(metrics.roc_auc_score(own, scores)) if both else None
        figures["average_precision"] = float(metrics.average_precision_score(own, scores)) if own.any() else None
        found.append(figures | {"rows": int(own.sum())})
    return found


def _reasons(
    labels: Array,
    per_class: list[dict[str, float | None]],
    classes: list[str],
    values: dict[str, float | None],
    settings: Settings,
) -> dict[str, str]:
    told = {}
    for name, figures in zip(classes, per_class, strict=True):
        for metric in (metric for metric, figure in figures.items() if figure is None):
            empty = not figures["rows"]
            told[f"{metric} of {name}"] = (
                "no row of this class" if empty else "no row of another class" if metric == "roc_auc"
                else "never predicted"
            )  # fmt: skip
    if values[f"top_{settings.top_k}_accuracy"] is None:
        told[f"top_{settings.top_k}_accuracy"] = f"there are only {len(classes)} classes"
    if len(np.unique(labels)) == 1:
        told["roc_auc_macro"] = "all rows are of one class"
    return told


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
