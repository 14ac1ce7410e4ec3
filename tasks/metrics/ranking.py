"""Metrics of a ranking with one item per row that should stand on top, by scikit-learn."""

import numpy as np
from sklearn.metrics import ndcg_score, top_k_accuracy_score

from tasks.data.records import Array


class Ranking:
    """A recommender's metrics; see `tasks.metrics.compared.Metrics`.

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
