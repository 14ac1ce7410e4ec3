"""How much worse a model is, on the same rows, with an interval that covers what it says."""

import numpy as np
import pytest

from tasks.metrics.bootstrap import accuracy_drop


def test_the_drop_is_the_difference_of_the_accuracies() -> None:
    reference, own = np.array([True] * 90 + [False] * 10), np.array([True] * 80 + [False] * 15 + [True] * 5)
    measured = accuracy_drop(reference, own, 0.95)
    assert measured["accuracy_drop"] == pytest.approx(reference.mean() - own.mean())
    low, high = measured["accuracy_drop_interval"]
    assert low < 0.05 < high


def test_the_interval_is_that_of_agresti_and_min() -> None:
    """Their example of 1,144 couples (Agresti and Min 2005, section 3): 125 and 2 discordant pairs."""
    reference = np.array([True] * 125 + [False] * 2 + [True] * 1017)
    own = np.array([False] * 125 + [True] * 2 + [True] * 1017)
    middle, rows = 123 / 1146, 1146
    half = 1.959964 * np.sqrt(((125.5 + 2.5) / rows - middle**2) / rows)
    low, high = accuracy_drop(reference, own, 0.95)["accuracy_drop_interval"]
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=1e-7)


def test_without_a_row_that_differs_the_upper_bound_still_is_not_zero() -> None:
    right = np.array([True] * 500)
    low, high = accuracy_drop(right, right, 0.95)["accuracy_drop_interval"]
    assert 0 < high < 0.005 and low == -high


@pytest.mark.parametrize(("lost", "won"), [(0.02, 0.01), (0.05, 0.05), (0.01, 0.002)])
def test_the_interval_covers_the_truth_as_often_as_it_says(lost: float, won: float) -> None:
    random, covered = np.random.default_rng(0), 0
    for _ in range(1000):
        drawn = random.random(550)
        reference, own = drawn >= won, (drawn < won) | (drawn >= won + lost)
        low, high = accuracy_drop(reference, own, 0.95)["accuracy_drop_interval"]
        covered += low <= lost - won <= high
    assert 930 <= covered <= 985
