"""Metrics of lists of items and of ratings; their intervals follow from users drawn again, not from rows."""

import numpy as np

from tasks.data.records import Array
from tasks.metrics.ranking import gains

NAMES = ("ndcg_at_{}", "hit_rate_at_{}", "rmse", "mae")


class Recommended:
    """A recommender's metrics; see `tasks.metrics.compared.Metrics`, whose rows are users here.

    One user's rows are alike: to draw them one by one would make the intervals too narrow. A row counts as much as any
    other, so a user with many counts more.
    """

    lower_is_better = frozenset({"rmse", "mae"})
    mirrored: frozenset[str] = frozenset()

    def __init__(self, truth: Array, answers: Array) -> None:
        """Take what `measure` of the kind does: truth, (rows, 4), and lists of k items and a rating, (rows, k + 1)."""
        k = answers.shape[1] - 1
        self.names = tuple(name.format(k) for name in NAMES)
        self.fractions = frozenset(self.names[:2])
        gain = gains(truth[:, 0], answers[:, :-1])
        error = answers[:, -1].astype(np.float64) - truth[:, 1]
        self.by_row = np.stack([gain, gain > 0, np.square(error), np.abs(error), np.ones(len(gain))])
        _, users = np.unique(truth[:, 2], return_inverse=True)
        self.rows = int(users.max()) + 1
        self._sums = np.stack([np.bincount(users, one, self.rows) for one in self.by_row])

    def values(self) -> dict[str, float | None]:
        """Return NDCG, hit rate, RMSE and MAE of all rows."""
        return {name: float(values[0]) for name, values in self.of_resamples(np.ones((self.rows, 1))).items()}

    def of_resamples(self, counts: Array) -> dict[str, Array]:
        """Return the metrics, (resamples,) each, for how often each user is drawn, (users, resamples)."""
        *sums, rows = self._sums @ counts.astype(np.float64)
        gain, hit, squared, absolute = (one / rows for one in sums)
        return dict(zip(self.names, (gain, hit, np.sqrt(squared), absolute), strict=True))


def overlap(own: Array, reference: Array) -> float:
    """Return the mean share of the items of one list, (rows, k), that are in the other, whatever their order."""
    shared = [
        len(set(mine) & set(theirs)) / len(set(mine))
        for mine, theirs in zip(own.tolist(), reference.tolist(), strict=True)
    ]
    return float(np.mean(shared))
