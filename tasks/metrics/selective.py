"""Selective classification: "unsure" instead of an answer, so that the answers keep an error rate.

The threshold is chosen on validation rows, as a test: the error rate of the answered rows is above the stated one with
at most the stated risk. Rows are answered where the largest probability reaches the threshold (Geifman and El-Yaniv
2017, arXiv:1705.08500). Thresholds are tested one after the other, each time with the exact binomial bound (Clopper and
Pearson 1934), from several starts that share the risk, towards more answers until one fails ("Learn then test",
Angelopoulos et al. 2021, arXiv:2110.01052): so no number of tries makes the promise weaker.
"""

from math import ceil, log, log1p
from typing import Any

import numpy as np
from scipy.stats import beta

from tasks.core.params.gates import Unsure
from tasks.data.records import Array
from tasks.metrics.bootstrap import wilson

STARTS = (1.0, 0.9, 0.7, 0.5)  # fractions of the validation rows that are answered at first


def confidence_of(probabilities: Array) -> Array:
    """Return how sure each answer is, (rows,): the largest probability, as the file gives it."""
    return np.asarray(probabilities.max(axis=1), np.float64)


def upper_bound(errors: int, rows: int, risk: float) -> float:
    """Return the error rate that is exceeded with at most so much risk, by Clopper and Pearson."""
    return 1.0 if errors >= rows else float(beta.ppf(1 - risk, errors + 1, rows - errors))


def rows_needed(params: Unsure) -> int:
    """Return how many validation rows, all of them right, would do."""
    return ceil(log((1 - params.confidence) / len(STARTS)) / log1p(-params.max_error))


def chosen_threshold(confidence: Array, right: Array, params: Unsure) -> float | None:
    """Return the least confidence that is answered, such that the answers keep the error rate.

    Args:
        confidence: of each validation row, (rows,).
        right: which of them are answered rightly, (rows,) of bool.
        params: the rate and the risk.

    Returns:
        None where no threshold can be shown to keep it.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered, errors = confidence[order], np.cumsum(~right[order])
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # rows of equal confidence go together
    risk, found = (1 - params.confidence) / len(STARTS), list[int]()
    for start in STARTS:
        for place in last[np.searchsorted(last + 1, start * len(ordered)) :].tolist():
            if upper_bound(int(errors[place]), place + 1, risk) > params.max_error:
                break
            found.append(place)
    return float(ordered[max(found)]) if found else None


def measured(validation: tuple[Array, Array] | None, test: tuple[Array, Array], params: Unsure) -> dict[str, Any]:
    """Choose the threshold on validation rows, and measure on the test rows what it does.

    Args:
        validation: labels, (rows,), and probabilities, (rows, classes); None where there are none.
        test: the same of the test rows.
        params: of the threshold.

    Returns:
        `threshold`, None where none keeps the rate; `reason`, why; of the test rows `coverage`, the fraction that is
        answered, and `error_rate` of these with its `interval`; None where none is answered.
    """
    rows = 0 if validation is None else len(validation[0])
    threshold = None
    if validation is not None and rows:
        labels, probabilities = validation
        right = probabilities.argmax(axis=1) == labels
        threshold = chosen_threshold(confidence_of(probabilities), right, params)
    found: dict[str, Any] = {"max_error": params.max_error, "confidence": params.confidence, "validation_rows": rows}
    if threshold is None:
        return {**found, "threshold": None, "reason": _reason(rows, params)}
    return {**found, "threshold": threshold, "reason": "", **_on(test, threshold, params)}


def _reason(rows: int, params: Unsure) -> str:
    needed = rows_needed(params)
    promise = f"an error rate of at most {params.max_error:.1%} at {params.confidence:.0%} confidence"
    if rows < needed:
        return f"{rows:,} validation rows cannot show {promise}: that needs at least {needed:,}, all of them right"
    return f"no threshold shows {promise} on {rows:,} validation rows: the model errs too often where it is sure"


def _on(test: tuple[Array, Array], threshold: float, params: Unsure) -> dict[str, Any]:
    labels, probabilities = test
    answered = is_answered(probabilities, threshold)
    rows, wrong = int(answered.sum()), int((probabilities.argmax(axis=1) != labels)[answered].sum())
    return {
        "coverage": rows / len(labels),
        "error_rate": wrong / rows if rows else None,
        "interval": wilson(wrong, rows, params.confidence) if rows else None,
        "answered_rows": rows,
    }


def is_answered(probabilities: Array, threshold: float) -> Array:
    """Tell which rows are answered, (rows,) of bool."""
    return np.asarray(confidence_of(probabilities) >= threshold)
