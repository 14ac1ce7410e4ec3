"""Simple methods to hold a network against: what a constant answer and scikit-learn's estimators reach."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from tasks.contracts.errors import ParamsError
from tasks.contracts.judging import Baseline
from tasks.data.columns import Dataset
from tasks.data.records import Array

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
        test: what it is asked, a row each.
        classes: how many there are.

    Returns:
        (test rows, classes).

    Raises:
        ParamsError: all labels are equal.
    """
    if len(np.unique(labels)) == 1:
        raise ParamsError(
            got=f"baseline.max_rows: {len(labels)} rows of one class", expected="rows of two classes at least",
            do="raise baseline.max_rows, or change baseline.seed",
        )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline need not be the best of its kind
        estimator.fit(train, labels)
    found = np.zeros((len(test), classes))
    found[:, estimator.classes_] = estimator.predict_proba(test)
    return found
