"""Gradient boosting of scikit-learn as arrays of whole numbers, which `tasks.models.tree_layers` answers from.

Categories are put in the order of the target's mean (Fisher 1958: the best division of them in two is one of that
order), and where they are few each can be told from all others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.data.tables import FEATURES, UNSEEN_INDEX

FEW_CATEGORIES = 16  # of a column; with more, only their order counts
SMOOTHING = 10.0  # rows of the mean that are added to each category
LOWEST, HIGHEST = -128, 127
MAX_TREES = 3000  # with many classes, each of which has a tree in each round
FLOAT_MAX = np.finfo(np.float32).max


@dataclass(frozen=True)
class Categories:
    """What trees see of a column of categories: its place in an order, and whether it is one of few.

    Attributes:
        seen: (indices, columns) of float64, by the index of a category.
    """

    seen: Array


@dataclass(frozen=True)
class Ensemble:
    """Trees as `tree_layers` has them.

    Attributes:
        bounds: of each number, ascending, filled up with the greatest float: (numbers, bounds) of float32.
        tables: counts by the index of a category, (indices, columns) of int8, one for each column of categories.
        column, greatest, behind, leaf: of each node, (nodes,).
        roots, first_leaves: of each tree, (trees,) of int32.
        depth: steps from a root to the deepest leaf.
        values: of the leaves, (leaves,) of float32.
        rounds: of boosting; each has as many trees as there are outputs.
        start: what is answered without any tree, (outputs,).
    """

    bounds: Array
    tables: list[Array]
    column: Array
    greatest: Array
    behind: Array
    leaf: Array
    roots: Array
    first_leaves: Array
    depth: int
    values: Array
    rounds: int
    start: Array


def categories_of(features: Array, targets: Array, sizes: list[int]) -> list[Categories]:
    """Order the categories of each column by the training rows' targets.

    Args:
        features: (rows, features); the last columns are indices of categories.
        targets: (rows, outputs) of float64: a number, or a 1 for the class.
        sizes: how many indices each column has.
    """
    found, mean = [], targets.mean(axis=0)
    for index, size in enumerate(sizes, start=features.shape[1] - len(sizes)):
        own = features[:, index].astype(np.int64)
        counts = np.bincount(own, minlength=size)
        sums = np.stack([np.bincount(own, column, size) for column in targets.T], axis=1)
        means = (sums + SMOOTHING * mean) / (counts[:, np.newaxis] + SMOOTHING) - mean
        place = np.argsort(np.argsort(_first_component(means, counts), kind="stable"), kind="stable")
        one_by_one = np.eye(size) if size <= FEW_CATEGORIES else np.empty((size, 0))
        found.append(Categories(np.concatenate([place[:, np.newaxis], one_by_one], axis=1).astype(np.float64)))
    return found


def _first_component(means: Array, counts: Array) -> Array:
    """Return where each category lies along the direction in which they differ most, (indices,)."""
    if means.shape[1] == 1:
        return np.asarray(means[:, 0])
    *_, directions = np.linalg.svd(np.sqrt(counts)[:, np.newaxis] * means, full_matrices=False)
    direction = directions[0] * np.sign(directions[0][np.abs(directions[0]).argmax()])  # the sign is arbitrary
    return np.asarray(means @ direction)


def seen_by_trees(features: Array, categories: list[Categories]) -> Array:
    """Return what trees are fitted on, (rows, columns): the numbers, then the columns of each category."""
    numbers = features.shape[1] - len(categories)
    parts = [one.seen[features[:, numbers + index].astype(np.int64)] for index, one in enumerate(categories)]
    return np.concatenate([features[:, :numbers].astype(np.float64), *parts], axis=1)


def ensemble_of(trees: Any, numbers: int, categories: list[Categories]) -> Ensemble:
    """Return a fitted estimator of scikit-learn as arrays, up to the round that did best on the validation rows."""
    rounds = trees._predictors[: _best_round(trees)]
    nodes = [predictor.nodes for one in rounds for predictor in one]
    width = numbers + sum(one.seen.shape[1] for one in categories)
    bounds = _bounds_of(nodes, width)
    flat = [_flattened(each, bounds) for each in nodes]
    roots = np.cumsum([0, *(len(one["behind"]) for one in flat)])[:-1]
    leaves = np.cumsum([0, *(len(one["value"]) for one in flat)])[:-1]
    joined = {name: np.concatenate([one[name] for one in flat]) for name in flat[0]}
    most = max((len(one) for one in bounds[:numbers]), default=0)
    filled = np.full((numbers, max(most, 1)), FLOAT_MAX, np.float32)
    for row, own in enumerate(bounds[:numbers]):
        filled[row, : len(own)] = own
    return Ensemble(
        bounds=filled,
        tables=list(_tables(bounds, numbers, categories)),
        column=joined["column"].astype(np.int8 if width <= HIGHEST else np.int32),
        greatest=joined["greatest"].astype(np.int8),
        behind=joined["behind"].astype(np.int8),
        leaf=joined["leaf"].astype(np.int8),
        roots=roots.astype(np.int32),
        first_leaves=leaves.astype(np.int32),
        depth=max(int(each["depth"].max()) for each in nodes),
        values=joined["value"].astype(np.float32),
        rounds=len(rounds),
        start=np.asarray(trees._baseline_prediction, np.float64).ravel(),
    )


def _best_round(trees: Any) -> int:
    scores = np.asarray(trees.validation_score_)
    return max(int(scores.argmax()), 1) if len(scores) else len(trees._predictors)


def _bounds_of(nodes: list[Array], width: int) -> list[Array]:
    """Return the bounds that the trees compare each column with, ascending, (bounds,) of float32.

    The greatest float of 32 bits below a bound parts the same rows as the bound itself, which has 64.
    """
    inner = np.concatenate([each[each["is_leaf"] == 0] for each in nodes])
    bounds = _rounded_down(inner["num_threshold"])
    return [np.unique(bounds[inner["feature_idx"] == column]) for column in range(width)]


def _rounded_down(values: Array) -> Array:
    nearest = values.astype(np.float32)
    return np.where(nearest > values, np.nextafter(nearest, np.float32(-np.inf)), nearest).astype(np.float32)


def _tables(bounds: list[Array], numbers: int, categories: list[Categories]) -> Iterator[Array]:
    """Yield for each column of categories how many bounds are below what trees see of each index."""
    start = numbers
    for one in categories:
        columns = [np.searchsorted(bounds[start + index], seen) for index, seen in enumerate(one.seen.T)]
        yield (np.stack(columns, axis=1) + LOWEST).astype(np.int8)
        start += one.seen.shape[1]


def _flattened(nodes: Array, bounds: list[Array]) -> dict[str, Array]:
    """Return a tree's nodes breadth first, and the values of its leaves in that order."""
    order, places = [0], {0: 0}
    for index in order:
        if not nodes[index]["is_leaf"]:
            for child in (int(nodes[index]["left"]), int(nodes[index]["right"])):
                places[child] = len(order)
                order.append(child)
    own, is_leaf = nodes[order], nodes[order]["is_leaf"] == 1
    greatest = [
        HIGHEST if leaf else LOWEST + int(np.searchsorted(bounds[node["feature_idx"]], bound))
        for node, leaf, bound in zip(own, is_leaf, _rounded_down(own["num_threshold"]), strict=True)
    ]
    behind = [
        0 if leaf else places[int(node["left"])] - place
        for place, (node, leaf) in enumerate(zip(own, is_leaf, strict=True))
    ]
    return {
        "column": np.where(is_leaf, 0, own["feature_idx"]),
        "greatest": np.array(greatest),
        "behind": np.array(behind),
        "leaf": np.where(is_leaf, np.cumsum(is_leaf) - 1, 0),
        "value": own["value"][is_leaf],
    }


def sizes_of(table: dict[str, Any]) -> list[int]:
    """Return how many indices each column of categories has: its values, one for missing and one for unseen."""
    return [len(column["values"]) + UNSEEN_INDEX + 1 for column in table["categorical"]]


def rows_of(data: Dataset, target: str) -> dict[str, tuple[Array, Array]]:
    """Return features and targets of the training and the validation rows."""
    found = {"train": (data.column("train", FEATURES).all(), data.column("train", target).all())}
    if data.rows("validation"):
        found["validation"] = (data.column("validation", FEATURES).all(), data.column("validation", target).all())
    return found
