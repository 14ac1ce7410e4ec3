"""The metrics of `classification` for many resamples at once: what their intervals and differences follow from."""

import numpy as np
from scipy.sparse import csr_matrix, vstack

from tasks.data.records import Array
from tasks.metrics import classification
from tasks.metrics.bootstrap import one_hot
from tasks.metrics.classification import Settings, bin_of, normalised, predicted

# Ranking metrics of a resample are computed on scores sorted into at most this many levels.
LEVELS = 256
EPSILON = float(np.finfo(np.float64).eps)  # scikit-learn's, for the logarithm of 0


class Classification:
    """A classifier's metrics; see `tasks.metrics.compared.Metrics`.

    Of the sums over rows that they follow from the matrix has a row each: right answers, rows and guesses of each
    class; log loss; hits among the top k; surplus of confidence in each calibration bin; positives and negatives of
    each class at each level of the scores.
    """

    lower_is_better = classification.LOWER_IS_BETTER
    mirrored = frozenset({"calibration_error"})  # a sum of absolute values grows with every resample

    def __init__(self, labels: Array, probabilities: Array, classes: list[str], settings: Settings) -> None:
        """Take true class indices, (rows,), and probabilities, (rows, classes)."""
        self.rows, self._settings = len(labels), settings
        self.scored = classification.scored(labels, probabilities, classes, settings)
        self.fractions = frozenset(self.scored.values) - {"log_loss"}
        self._num_classes = len(classes)
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
        found = {"accuracy": right.sum(axis=0) / total, "balanced_accuracy": _mean(three[1])}
        for name, figure in zip(("precision", "recall", "f1"), three, strict=True):
            found[f"{name}_macro"] = _mean(figure)
            found[f"{name}_weighted"] = _mean(figure, rows)
        found[f"top_{self._settings.top_k}_accuracy"] = simple[1] / total
        found |= {"log_loss": simple[0] / total, "calibration_error": np.abs(surplus).sum(axis=0) / total}
        return found | _ranking(np.stack(ranked).reshape(self._num_classes, LEVELS, 2, -1))

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


def _ranking(counted: Array) -> dict[str, Array]:
    """Return ROC AUC and average precision from (classes, levels, negatives and positives, resamples)."""
    found = {}
    pooled = counted.sum(axis=0, keepdims=True)
    for average, at in (("macro", counted), ("micro", pooled)):
        negatives, positives = at[:, ::-1, 0], at[:, ::-1, 1]  # the highest scores first
        true, false = positives.cumsum(axis=1), negatives.cumsum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            beaten = (negatives * (true - positives / 2)).sum(axis=1)
            found[f"roc_auc_{average}"] = _mean(beaten / (true[:, -1] * false[:, -1]))
            precision = np.nan_to_num(true / (true + false))
            found[f"average_precision_{average}"] = _mean((positives * precision).sum(axis=1) / true[:, -1])
    return found


def _mean(figures: Array, weights: Array | None = None) -> Array:
    """Return the mean over the first axis, weighted or not, of what is defined."""
    defined = np.isfinite(figures)
    weights = defined if weights is None else weights * defined
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((np.where(defined, figures, 0) * weights).sum(axis=0) / weights.sum(axis=0))
