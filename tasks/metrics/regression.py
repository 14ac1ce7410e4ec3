"""Metrics of one number per row, by scikit-learn."""

import numpy as np
from sklearn import metrics

from tasks.data.records import Array


class Regression:
    """A regressor's metrics; see `tasks.metrics.compared.Metrics`. R2 of targets that are all equal is None."""

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
