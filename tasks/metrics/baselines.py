"""Baselines beside a network: constant answers, scikit-learn's estimators, neighbours of a recommender."""

import warnings
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from tasks.core.errors import ParamsError
from tasks.core.params.gates import Baseline
from tasks.data.columns import Dataset, evenly
from tasks.data.records import Array, Columns, SplitName
from tasks.metrics.ranking import listed

MAX_ITERATIONS = 200


def chosen_rows(data: Dataset, params: Baseline) -> Array:
    """Return the training rows that a method is fitted on, in their order, (rows,) of int64."""
    rows = data.rows("train")
    if rows <= params.max_rows:
        return np.arange(rows)
    return np.sort(np.random.default_rng(params.seed).choice(rows, params.max_rows, replace=False))


def majority_class(data: Dataset) -> Array:
    """Return the same probabilities for each test row, (rows, classes): the shares of all training rows."""
    counts = np.bincount(data.column("train", data.target).all(), minlength=len(data.classes))
    return np.tile(counts / counts.sum(), (data.rows("test"), 1))


def logistic_regression() -> LogisticRegression:
    """Return an estimator that stops after some seconds, converged or not."""
    return LogisticRegression(max_iter=MAX_ITERATIONS)


def classified(estimator: Any, data: Dataset, column: str, params: Baseline) -> Array:
    """Fit a classifier on a column of the chosen rows; return `probabilities` of the test rows."""
    rows = chosen_rows(data, params)
    labels = data.column("train", data.target).take(rows)
    train, test = data.column("train", column).take(rows), data.column("test", column).all()
    return probabilities(estimator, train, labels, test, len(data.classes))


def probabilities(estimator: Any, train: Any, labels: Array, test: Any, classes: int) -> Array:
    """Fit a classifier and ask it; a class without chosen rows has probability 0.

    Args:
        estimator: of scikit-learn, with `predict_proba`.
        train: what it is fitted on, a row each.
        labels: class indices, (rows,).
        test: the test inputs, a row each.
        classes: how many there are.

    Returns:
        (test rows, classes).

    Raises:
        ParamsError: all labels are equal.
    """
    if len(np.unique(labels)) == 1:
        raise ParamsError(
            got=f"baseline.max_rows: {len(labels)} rows of one class", expected="rows of at least two classes",
            do="raise baseline.max_rows, or change baseline.seed",
        )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline need not be the best of its kind
        estimator.fit(train, labels)
    found = np.zeros((len(test), classes))
    found[:, estimator.classes_] = estimator.predict_proba(test)
    return found


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
DAMPINGS = (1.0, 3.0, 10.0, 30.0)
BLOCK = 1000
POPULAR = 1e-6  # of a score, for the most popular item: decides where a history says nothing

Score = Callable[[Columns], Array]


def baselines(target: Dataset, params: Baseline) -> dict[str, Array]:
    """Return ten items of the test rows and a rating, (rows, 11), by method, in the form that the file answers in.

    The items: the most popular ones; PureSVD (Cremonesi and others 2010), a truncated SVD of users and items whose
    factors the history is folded into; items that the same users rated, by damped cosine (Sarwar and others 2001).
    The last two are tuned: factors or damping, weight of popular items, and how old an item of the history may be.
    The ratings: the mean; biases of item and user, damped; the mean of what the user gave, damped.
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
    together = (counts.T @ counts).toarray()
    norms = np.sqrt(np.diag(together))
    for shrink, window in product(SHRINKS, WINDOWS):
        alike = together / np.maximum(np.outer(norms, norms) + shrink, 1)
        np.fill_diagonal(alike, 0)
        yield lambda rows, alike=alike, window=window: _weighted(rows, len(alike), *window) @ alike  # type: ignore[misc]


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
