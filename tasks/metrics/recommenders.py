"""Simple recommenders beside a network: popularity, factors, neighbours, a linear autoencoder."""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD

from tasks.core.params.gates import Baseline
from tasks.data.columns import Dataset, evenly
from tasks.data.records import Array, Columns, SplitName
from tasks.metrics.baselines import chosen_rows
from tasks.metrics.ranking import listed

TEN, TUNED_ON = 10, 2000  # validation rows
FACTORS, POWERS, SHRINKS = (20, 40, 80, 150), (-0.25, 0.0, 0.25, 0.5), (0.0, 3.0, 10.0, 50.0)
WINDOWS = (
    (1.0, 0),
    (1.0, 20),
    (1.0, 10),
    (1.0, 5),
    (1.0, 3),
    (1.0, 2),
    (1.0, 1),
    (0.9, 0),
    (0.8, 0),
    (0.6, 0),
)  # what an item's age takes; the newest, 0: all
RIDGES, FEW_WINDOWS = (30.0, 100.0, 300.0, 1000.0), ((1.0, 0), (1.0, 20), (1.0, 5), (1.0, 2), (0.9, 0), (0.8, 0))
DAMPINGS = (1.0, 3.0, 10.0, 30.0)
MAX_PAIRED = 6000  # items, the most popular ones, of which each pair has a number: 150 MB a matrix
BLOCK = 1000
POPULAR = 1e-6  # of a score, for the most popular item: decides where a history says nothing

Score = Callable[[Columns], Array]


def baselines(target: Dataset, params: Baseline) -> dict[str, Array]:
    """Return ten items of the test rows and a rating, (rows, 11), by method, in the form that the file answers in.

    The items: the most popular ones; PureSVD (Cremonesi and others 2010), a truncated SVD of users and items whose
    factors the history is folded into; items that the same users rated, by damped cosine (Sarwar and others 2001);
    EASE (Steck 2019, arXiv:1905.03375), a linear autoencoder in closed form. All but the first are tuned on validation
    rows: factors, damping or ridge, weight of popular items, and how old an item of the history may be.
    The ratings: the mean; biases of item and user, damped; the mean of what the user gave, damped; biases again.
    """
    rows = chosen_rows(target, params)
    train = {name: target.column("train", name).take(rows) for name in ("truth", "item")}
    tuned = _evenly(target, "validation", TUNED_ON)
    counts = _user_items(train, len(target.classes))
    popularity = np.asarray(counts.sum(axis=0), np.float64).ravel()
    rated = _Ratings(train, tuned)
    liked = POPULAR * popularity / popularity.max()
    chosen: dict[str, tuple[Score, Callable[[Columns], Array]]] = {
        "popularity": (lambda rows: np.tile(popularity, (len(rows["item"]), 1)), rated.mean),
        "matrix_factorisation": (_best(_factorised(counts, popularity), liked, tuned), rated.biases),
        "item_neighbours": (_best(_neighbours(counts), liked, tuned), rated.of_user),
        "ease": (_best(_autoencoded(counts), liked, tuned), rated.biases),
    }
    return {
        name: np.concatenate(
            [np.column_stack([listed(_hidden(score(part), part), TEN), rating(part)]) for part in _blocks(target)]
        )
        for name, (score, rating) in chosen.items()
    }


def _factorised(counts: csr_matrix, popularity: Array) -> Iterator[Score]:
    """Yield PureSVD in all settings; a power of 0.5 weighs an item by the root of how often it was rated."""
    for power in POWERS:
        weight = np.maximum(popularity, 1) ** -power
        most = min(max(FACTORS), min(counts.shape) - 1)
        components = TruncatedSVD(most, random_state=0).fit(counts.multiply(weight).tocsr()).components_
        for factors, window in product(FACTORS, WINDOWS):
            strongest = components[:factors]
            yield lambda rows, strongest=strongest, window=window, weight=weight: (  # type: ignore[misc]
                (_weighted(rows, len(popularity), *window).multiply(weight).tocsr() @ strongest.T) @ strongest / weight
            )


def _neighbours(counts: csr_matrix) -> Iterator[Score]:
    paired, together = _together(counts)
    norms = np.sqrt(np.diag(together))
    for shrink in SHRINKS:
        alike = together / np.maximum(np.outer(norms, norms) + np.float32(shrink), 1)
        np.fill_diagonal(alike, 0)
        yield from _by_pairs(alike, paired, counts.shape[1], WINDOWS)


def _autoencoded(counts: csr_matrix) -> Iterator[Score]:
    """Yield EASE in all settings; equation 8 of the paper."""
    paired, together = _together(counts)
    for ridge in RIDGES:
        inverse = np.linalg.inv(together + np.float32(ridge) * np.eye(len(together), dtype=np.float32))
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0)
        yield from _by_pairs(weights, paired, counts.shape[1], FEW_WINDOWS)


def _together(counts: csr_matrix) -> tuple[Array, Array]:
    """Return the most popular items, (paired,), and how many users rated both of each two, (paired, paired)."""
    popularity = np.asarray(counts.sum(axis=0)).ravel()
    paired = np.sort(np.argsort(-popularity, kind="stable")[:MAX_PAIRED])
    some = counts[:, paired].astype(np.float32)
    return paired, (some.T @ some).toarray()


def _by_pairs(weights: Array, paired: Array, items: int, windows: tuple[tuple[float, int], ...]) -> Iterator[Score]:
    """Yield scores of all items from what each paired one says of each other, (paired, paired); the rest has 0."""
    for decay, window in windows:

        def score(rows: Columns, decay: float = decay, window: int = window) -> Array:
            history = _weighted(rows, items, decay, window)[:, paired].astype(np.float32)
            found = np.zeros((history.shape[0], items), np.float32)
            found[:, paired] = history @ weights
            return found

        yield score


def _best(scores: Iterator[Score], liked: Array, tuned: Columns) -> Score:
    """Return the setting with the greatest NDCG on validation rows; `liked`, (items,), decides what scores do not."""
    known = tuned["item"][:, 0] > 0

    def worth(score: Score) -> float:
        scores = _hidden(score(tuned), tuned)
        own = np.take_along_axis(scores, np.maximum(tuned["item"], 1) - 1, axis=1)
        place = (scores >= own).sum(axis=1) - 1  # as `listed` has it, but where scores are equal
        return float((known & (place < TEN)) @ (1 / np.log2(place + 2)))

    return max(((lambda rows, score=score: score(rows) + liked) for score in scores), key=worth)


def _hidden(scores: Array, rows: Columns) -> Array:
    """Return scores without those of the history's items."""
    scores = np.array(scores, np.float32)
    row, place = np.nonzero(rows["history"])
    scores[row, rows["history"][row, place] - 1] = -np.inf
    return scores


def _weighted(rows: Columns, items: int, decay: float, window: int) -> csr_matrix:
    """Return a history as weights of its items, (rows, items)."""
    history = rows["history"][:, -window:]
    row, place = np.nonzero(history)
    weights = decay ** (history.shape[1] - 1.0 - place)
    return csr_matrix((weights, (row, history[row, place] - 1)), shape=(len(history), items))


def _user_items(train: Columns, items: int) -> csr_matrix:
    """Return which user rated which known item, (users, items) of 1."""
    known = train["item"][:, 0] > 0
    _, users = np.unique(train["truth"][:, 2], return_inverse=True)
    places = users[known], train["item"][known, 0] - 1
    return csr_matrix((np.ones(int(known.sum())), places), shape=(int(users.max()) + 1, items))


class _Ratings:
    """Ratings from means, damped as is best on validation rows."""

    def __init__(self, train: Columns, tuned: Columns) -> None:
        item, rating = train["item"][:, 0], train["truth"][:, 1].astype(np.float64)
        self._mean = float(rating.mean())
        self._sums, self._counts = np.bincount(item, rating - self._mean), np.bincount(item)
        pairs = list(product(DAMPINGS, DAMPINGS))
        self._damping = min(pairs, key=lambda damping: self._error(tuned, self._biased(tuned, *damping)))
        self._own = min(DAMPINGS, key=lambda damping: self._error(tuned, self._above(tuned, np.zeros(1), damping)))

    def mean(self, rows: Columns) -> Array:
        return np.full(len(rows["item"]), self._mean)

    def biases(self, rows: Columns) -> Array:
        return self._mean + self._biased(rows, *self._damping)

    def of_user(self, rows: Columns) -> Array:
        return self._mean + self._above(rows, np.zeros(1), self._own)

    def _biased(self, rows: Columns, of_item: float, of_user: float) -> Array:
        biases = np.append(self._sums / (self._counts + of_item), np.zeros(int(rows["history"].max()) + 1))
        biases[0] = 0  # of unknown items
        return biases[rows["item"][:, 0]] + self._above(rows, biases, of_user)

    def _above(self, rows: Columns, biases: Array, damping: float) -> Array:
        """Return how far a user's ratings lie above the mean and what else is expected of the items, (rows,)."""
        given = rows["history_ratings"] > 0
        expected = self._mean + biases[rows["history"] if len(biases) > 1 else np.zeros_like(rows["history"])]
        surplus = np.where(given, rows["history_ratings"] - expected, 0).sum(axis=1)
        found: Array = surplus / (given.sum(axis=1) + damping)
        return found

    def _error(self, rows: Columns, predicted: Array) -> float:
        return float(np.square(rows["truth"][:, 1] - self._mean - predicted).sum())


def _evenly(target: Dataset, split: SplitName, wanted: int) -> Columns:
    rows = evenly(target.rows(split), wanted)
    return {name: target.column(split, name).take(rows) for name in ("truth", *target.inputs)}


def _blocks(target: Dataset) -> Iterator[Columns]:
    for start in range(0, target.rows("test"), BLOCK):
        rows = np.arange(start, min(start + BLOCK, target.rows("test")))
        yield {name: target.column("test", name).take(rows) for name in target.inputs}
