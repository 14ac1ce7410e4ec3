"""Metrics of one number per row, by scikit-learn, with their slices."""

from itertools import pairwise
from typing import Any

import numpy as np

from tasks.core.params.gates import Evaluate
from tasks.data.records import Array


class Regression:
    """A regressor's metrics; see `tasks.metrics.bootstrap.Metrics`. R2 of targets that are all equal is None."""

    lower_is_better = frozenset({"mse", "rmse", "mae"})
    fractions: frozenset[str] = frozenset()
    mirrored: frozenset[str] = frozenset()

    def __init__(self, targets: Array, predictions: Array) -> None:
        """Take targets and predictions in the target's unit, (rows,) each."""
        self.rows, self._targets, self._predictions = len(targets), targets, predictions
        middle = targets - targets.mean()  # keeps the sums of squares exact in float32
        errors = targets - predictions
        self._sums = np.stack([np.square(errors), np.abs(errors), middle, np.square(middle)]).astype(np.float32)

    def values(self) -> dict[str, float | None]:
        """Return scikit-learn's figures: mse, rmse, mae, r2."""
        from sklearn import metrics  # seconds, which a prediction does not need

        both = self._targets, self._predictions
        varied = len(np.unique(self._targets)) > 1
        return {
            "mse": float(metrics.mean_squared_error(*both)),
            "rmse": float(metrics.root_mean_squared_error(*both)),
            "mae": float(metrics.mean_absolute_error(*both)),
            "r2": float(metrics.r2_score(*both)) if varied else None,
        }

    def of_resamples(self, counts: Array) -> dict[str, Array]:
        """Return the metrics, (resamples,) each, for how often each row is drawn, (rows, resamples)."""
        squared, absolute, shift, spread = (self._sums @ counts) / counts.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = np.where(spread > shift**2, 1 - squared / (spread - shift**2), np.nan)
        return {"mse": squared, "rmse": np.sqrt(squared), "mae": absolute, "r2": r2}


QUARTERS = 4


def sliced(
    truth: Array, own: Array, reference: Array, parts: dict[str, Array], params: Evaluate
) -> list[dict[str, Any]]:
    """Measure the RMSE in each part; `drop` is by which fraction it is greater than the reference's.

    Args:
        truth: targets, (rows,).
        own: predictions of the model, (rows,).
        reference: predictions of float32, (rows,).
        parts: which rows are in each part, (rows,) of bool, by its name; parts without rows are left out.
        params: of the bootstrap.
    """
    errors = np.stack([np.square(own - truth), np.square(reference - truth)]).astype(np.float64)
    found = [_measured(name, errors[:, part], params) for name, part in parts.items() if part.any()]
    return sorted(found, key=lambda one: (-one["rmse"], one["slice"]))


def quarters(truth: Array, name: str) -> dict[str, Array]:
    """Return which rows are in each quarter of the targets, (rows,) of bool, by its bounds; equal ones together."""
    bounds = np.unique(np.quantile(truth, np.arange(1, QUARTERS) / QUARTERS))
    index, texts = np.searchsorted(bounds, truth, side="right"), [f"{bound:,.6g}" for bound in bounds]
    names = [f"{name} < {texts[0]}", *(f"{name} {low} to {high}" for low, high in pairwise(texts))]
    return {one: index == number for number, one in enumerate([*names, f"{name} >= {texts[-1]}"])}


def _measured(name: str, errors: Array, params: Evaluate) -> dict[str, Any]:
    """Return what a part comes to, of its squared errors, (own and reference, rows)."""
    from tasks.metrics.bootstrap import percentile_interval, resampled

    own, before = np.sqrt(errors.mean(axis=1))
    rows = errors.shape[1]
    drawn = np.concatenate(
        [np.sqrt(errors @ counts / rows) for counts in resampled(rows, params.resamples, params.seed)], axis=1
    )
    return {
        "slice": name,
        "rows": rows,
        "rmse": float(own),
        "interval": percentile_interval(drawn[0], params.confidence),
        "drop": float(_lost(own, before)),
        "drop_interval": percentile_interval(_lost(drawn[0], drawn[1]), params.confidence),
    }


def _lost(own: Any, before: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(own == before, 0.0, own / before - 1)
