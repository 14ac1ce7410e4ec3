"""Metrics of one class per row, by scikit-learn, with their resamples. Undefined is None with a reason, never zero.

An average over classes is taken over those whose own figure is defined; `undefined` names the ones left out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn import metrics
from sklearn.calibration import calibration_curve

from tasks.data.records import Array
from tasks.metrics.bootstrap import one_hot

PRIMARY = "accuracy"
LOWER_IS_BETTER = frozenset({"log_loss", "calibration_error"})
AVERAGES = ("macro", "weighted")


@dataclass(frozen=True)
class Settings:
    """The settings of the metrics.

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
PER_CLASS = (*THREE, "roc_auc", "average_precision")


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
    reasons = {}
    for name, figures in zip(classes, per_class, strict=True):
        for metric in (metric for metric, figure in figures.items() if figure is None):
            empty = not figures["rows"]
            reasons[f"{metric} of {name}"] = (
                "no row of this class" if empty else "no row of another class" if metric == "roc_auc"
                else "never predicted"
            )  # fmt: skip
    if values[f"top_{settings.top_k}_accuracy"] is None:
        reasons[f"top_{settings.top_k}_accuracy"] = f"there are only {len(classes)} classes"
    if len(np.unique(labels)) == 1:
        reasons["roc_auc_macro"] = "all rows are of one class"
    return reasons


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


# Ranking metrics of a resample are computed on scores sorted into at most this many levels.
LEVELS = 256
EPSILON = float(np.finfo(np.float64).eps)  # scikit-learn's, for the logarithm of 0


class Classification:
    """A classifier's metrics; see `tasks.metrics.bootstrap.Metrics`.

    Of the sums over rows that they follow from the matrix has a row each: right answers, rows and guesses of each
    class; log loss; hits among the top k; surplus of confidence in each calibration bin; positives and negatives of
    each class at each level of the scores.
    """

    lower_is_better = LOWER_IS_BETTER
    mirrored = frozenset({"calibration_error"})  # a sum of absolute values grows with every resample

    def __init__(self, labels: Array, probabilities: Array, classes: list[str], settings: Settings) -> None:
        """Take true class indices, (rows,), and probabilities, (rows, classes)."""
        self.rows, self._settings = len(labels), settings
        self.scored = scored(labels, probabilities, classes, settings)
        self.fractions = frozenset(self.scored.values) - {"log_loss"}
        self._num_classes = len(classes)
        self._defined = {
            name: np.array([figures[name] is not None for figures in self.scored.per_class]) for name in PER_CLASS
        }
        self._matrix, self._ends = self._sums(labels, probabilities)

    def values(self) -> dict[str, float | None]:
        """Return scikit-learn's figures."""
        return self.scored.values

    def of_resamples(self, counts: Array) -> dict[str, Array]:
        """Return the metrics, (resamples,) each, for how often each row is drawn, (rows, resamples).

        Those of ranking are computed on levels, and so are off by a little, the same for all resamples.
        """
        right, rows, guesses, simple, surplus, *ranked = np.split(self._matrix @ counts, self._ends[:-1])
        total = counts.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            three = right / guesses, right / rows, 2 * right / (rows + guesses)
        known = self._defined
        three[2][(rows == 0) & known["recall"][:, np.newaxis]] = (
            np.nan
        )  # a class that was not drawn, whoever guesses it
        found = {"accuracy": right.sum(axis=0) / total, "balanced_accuracy": _mean(three[1], known["recall"])}
        for name, figure in zip(THREE, three, strict=True):
            found[f"{name}_macro"] = _mean(figure, known[name])
            found[f"{name}_weighted"] = _mean(figure, known[name], rows)
        found[f"top_{self._settings.top_k}_accuracy"] = simple[1] / total
        found |= {"log_loss": simple[0] / total, "calibration_error": np.abs(surplus).sum(axis=0) / total}
        return found | _ranking(np.stack(ranked).reshape(self._num_classes, LEVELS, 2, -1), known)

    def _sums(self, labels: Array, probabilities: Array) -> tuple[csr_matrix, Array]:
        """Return the matrix, (sums, rows), and where each block of it ends."""
        classes, bins = self._num_classes, self._settings.calibration_bins
        shares, guesses = normalised(probabilities), predicted(probabilities)
        right, confidence = guesses == labels, shares.max(axis=1)
        own = np.take_along_axis(probabilities, labels[:, np.newaxis].astype(np.intp), axis=1)
        likelihood = np.clip(
            np.take_along_axis(shares, labels[:, np.newaxis].astype(np.intp), axis=1)[:, 0], EPSILON, 1
        )
        hits = (probabilities > own).sum(axis=1) < self._settings.top_k
        levels = _levels(probabilities)
        blocks = [
            one_hot(labels, classes, right), one_hot(labels, classes), one_hot(guesses, classes),
            csr_matrix(np.stack([-np.log(likelihood), hits]).astype(np.float32)),
            one_hot(bin_of(confidence, bins), bins, confidence - right),
            *(one_hot(2 * levels[:, index] + (labels == index), 2 * LEVELS) for index in range(classes)),
        ]  # fmt: skip
        return vstack(blocks, format="csr"), np.cumsum([block.shape[0] for block in blocks])


def _levels(probabilities: Array) -> Array:
    """Sort scores, pooled over classes, into at most LEVELS levels of about as many scores each, in their order."""
    values = np.unique(probabilities)
    if len(values) > LEVELS:
        values = np.unique(np.quantile(probabilities, np.arange(LEVELS) / LEVELS, method="lower"))
    return np.searchsorted(values, probabilities, side="right") - 1


def _ranking(counted: Array, known: dict[str, Array]) -> dict[str, Array]:
    """Return ROC AUC and average precision from (classes, levels, negatives and positives, resamples).

    Args:
        counted: how often which class has a score of each level.
        known: whether the figure of a class is defined on all rows, (classes,) of bool, by the figure.
    """
    found = {}
    pooled = counted.sum(axis=0, keepdims=True)
    for average, at in (("macro", counted), ("micro", pooled)):
        negatives, positives = at[:, ::-1, 0], at[:, ::-1, 1]  # the highest scores first
        true, false = positives.cumsum(axis=1), negatives.cumsum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            beaten = (negatives * (true - positives / 2)).sum(axis=1)
            precision = np.nan_to_num(true / (true + false))
            figures = {
                "roc_auc": beaten / (true[:, -1] * false[:, -1]),
                "average_precision": (positives * precision).sum(axis=1) / true[:, -1],
            }
        for name, figure in figures.items():
            found[f"{name}_{average}"] = _mean(figure, known[name] if average == "macro" else np.array([True]))
    return found


def _mean(figures: Array, known: Array, weights: Array | None = None) -> Array:
    """Return the mean over classes, (resamples,); NaN for a resample without the figure of a class that counts.

    A resample that draws no row of a class says nothing of it. To average over the other classes would make it perfect
    where that class is the hard one.

    Args:
        figures: (classes, resamples), NaN where one is undefined.
        known: the classes whose figure is defined on all rows, (classes,) of bool: these are averaged.
        weights: of the classes, (classes, resamples); a class of weight 0 does not count. None: all alike.
    """
    weights = np.ones_like(figures) if weights is None else weights
    weights = weights * known[:, np.newaxis]
    lacks = ((weights > 0) & ~np.isfinite(figures)).any(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(weights > 0, figures * weights, 0).sum(axis=0) / weights.sum(axis=0)
    return np.asarray(np.where(lacks, np.nan, mean))
