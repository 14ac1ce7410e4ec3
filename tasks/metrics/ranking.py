"""Metrics of a recommender: ranked lists of items, predicted ratings."""

import numpy as np

from tasks.data.records import Array

NONE = 0  # the number of no item, and of an unknown one


class Ranking:
    """A recommender's metrics; see `tasks.metrics.bootstrap.Metrics`.

    They are None where there are no more items than k.
    """

    lower_is_better: frozenset[str] = frozenset()
    mirrored: frozenset[str] = frozenset()

    def __init__(self, items: Array, scores: Array, k: int) -> None:
        """Take the index of each row's item, (rows,), and a score for each item, (rows, items)."""
        self.rows, self._items, self._scores, self._k = len(items), items, scores, k
        self._names = (f"hit_rate_at_{k}", f"ndcg_at_{k}")
        self.fractions = frozenset(self._names)

    def values(self) -> dict[str, float | None]:
        """Return scikit-learn's figures."""
        every = np.arange(self._scores.shape[1])
        if len(every) <= self._k:
            return dict.fromkeys(self._names)
        from sklearn.metrics import ndcg_score, top_k_accuracy_score  # seconds, which `listed` does not need

        hits = top_k_accuracy_score(self._items, self._scores, k=self._k, labels=every)
        relevance = self._items[:, np.newaxis] == every
        return dict(zip(self._names, (float(hits), float(ndcg_score(relevance, self._scores, k=self._k))), strict=True))

    def of_resamples(self, counts: Array) -> dict[str, Array]:
        """Return the metrics, (resamples,) each, for how often each row is drawn, (rows, resamples).

        With one relevant item the gain of a row follows from the item's place alone (Järvelin and Kekäläinen 2002).
        """
        own = np.take_along_axis(self._scores, self._items[:, np.newaxis], axis=1)
        place = (self._scores > own).sum(axis=1)
        hit = place < self._k
        means = (np.stack([hit, hit / np.log2(place + 2)]).astype(np.float32) @ counts) / counts.sum(axis=0)
        return dict(zip(self._names, means, strict=True))


def listed(scores: Array, k: int) -> Array:
    """Return the numbers, from 1, of each row's k best items, (rows, k) of int32, the best first, equal ones in order.

    Args:
        scores: (rows, items); minus infinity is never listed.
        k: how many; where there are fewer the rest is 0.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found = np.full((len(scores), k), NONE, np.int32)
    found[:, : order.shape[1]] = np.where(np.isneginf(np.take_along_axis(scores, order, axis=1)), NONE, order + 1)
    return found


def gains(items: Array, lists: Array) -> Array:
    """Return what lists are worth to rows with one right item each, (rows,): 1 where it is first, 0 where it is absent.

    Summed up it is the NDCG (Järvelin and Kekäläinen 2002) against all items: with one right item the best is 1.

    Args:
        items: numbers of the right items, (rows,); an unknown one, 0, is never found.
        lists: numbers of items, (rows, k), the best first.
    """
    right = (lists == items[:, np.newaxis]) & (items != NONE)[:, np.newaxis]
    worth: Array = (right / np.log2(np.arange(2, lists.shape[1] + 2))).sum(axis=1)
    return worth


NAMES = ("ndcg_at_{}", "hit_rate_at_{}", "rmse", "mae")


class Recommended:
    """A recommender's metrics; see `tasks.metrics.bootstrap.Metrics`, whose rows are users here.

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


def overlap(own: Array, reference: Array) -> Array:
    """Return the share of the items of each list, (rows, k), that are in the other, (rows,), whatever their order."""
    pairs = zip(own.tolist(), reference.tolist(), strict=True)
    return np.array([len(set(mine) & set(others)) / len(set(mine)) for mine, others in pairs])
