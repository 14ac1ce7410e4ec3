"""The metrics of `classification` for every resample at once, and what their intervals and differences follow from."""

from itertools import chain

import numpy as np
from scipy.sparse import csr_matrix, vstack

from tasks.data.records import Array
from tasks.metrics.bootstrap import one_hot, resampled
from tasks.metrics.classification import Settings, bin_of, normalised, predicted

# Ranking metrics of a resample are computed on scores sorted into at most this many levels.
LEVELS = 256


class Sums:
    """The sums over rows that the metrics of one model follow from.

    Rows of the matrix: right answers, rows and guesses of each class; log loss; hits among the top k; surplus of
    confidence in each calibration bin; positives and negatives of each class at each level of the scores.
    """

    def __init__(self, labels: Array, probabilities: Array, settings: Settings) -> None:
        self.num_classes, self._settings = probabilities.shape[1], settings
        classes, shares, guesses = self.num_classes, normalised(probabilities), predicted(probabilities)
        right, chosen = guesses == labels, shares.max(axis=1)
        likelihood = np.clip(shares[np.arange(len(labels)), labels], np.finfo(shares.dtype).eps, 1)
        above = (probabilities > probabilities[np.arange(len(labels)), labels][:, np.newaxis]).sum(axis=1)
        blocks = [
            one_hot(labels, classes, right), one_hot(labels, classes), one_hot(guesses, classes),
            csr_matrix(np.stack([-np.log(likelihood), above < settings.top_k]).astype(np.float32)),
            one_hot(bin_of(chosen, settings.calibration_bins), settings.calibration_bins, chosen - right),
        ]  # fmt: skip
        levels = _levels(probabilities)
        for index in range(classes):
            blocks.append(one_hot(2 * levels[:, index] + (labels == index), 2 * LEVELS))
        self._ends = np.cumsum([block.shape[0] for block in blocks])
        self._matrix = vstack(blocks, format="csr")

    def metrics(self, counts: Array) -> dict[str, Array]:
        """Return the metrics, (resamples,) each, for how often each row is drawn, (rows, resamples)."""
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
        return found | _ranking(np.stack(ranked).reshape(self.num_classes, LEVELS, 2, -1))


def replicates(
    labels: Array, models: list[Array], settings: Settings, resamples: int, seed: int
) -> list[dict[str, Array]]:
    """Return the metrics of every resample for models on the same rows; the resamples are the same for all of them.

    Args:
        labels: true class indices, (rows,).
        models: the probabilities of each model, (rows, classes).
        settings: see `Settings`.
        resamples: how many.
        seed: of the draws.

    Returns:
        For each metric of each model (1 + resamples,), the rows themselves first.
    """
    sums = [Sums(labels, probabilities, settings) for probabilities in models]
    all_once = np.ones((len(labels), 1), np.float32)
    draws = chain([all_once], resampled(len(labels), resamples, seed))
    chunks = [[one.metrics(counts) for one in sums] for counts in draws]
    return [
        {name: np.concatenate([chunk[index][name] for chunk in chunks]) for name in chunks[0][index]}
        for index in range(len(models))
    ]


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
