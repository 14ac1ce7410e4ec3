"""The error of a regressor in parts of the rows, the worst part first, and what compression costs in each."""

from itertools import pairwise
from typing import Any

import numpy as np

from tasks.contracts.judging import Evaluate
from tasks.data.records import Array
from tasks.metrics.bootstrap import percentile_interval, resampled

QUARTERS = 4


def sliced(
    truth: Array, own: Array, reference: Array, parts: dict[str, Array], params: Evaluate
) -> list[dict[str, Any]]:
    """Measure the RMSE in each part; `drop` is by which fraction it is greater than the reference's.

    Args:
        truth: targets, (rows,).
        own: predictions of the model, (rows,).
        reference: predictions of float32, (rows,).
        parts: which rows are in each part, (rows,) of bool, by its name; parts without rows are left out.
        params: of the bootstrap.
    """
    errors = np.stack([np.square(own - truth), np.square(reference - truth)]).astype(np.float64)
    found = [_measured(name, errors[:, part], params) for name, part in parts.items() if part.any()]
    return sorted(found, key=lambda one: (-one["rmse"], one["slice"]))


def quarters(truth: Array, name: str) -> dict[str, Array]:
    """Return which rows are in each quarter of the targets, (rows,) of bool, by its bounds; equal ones together."""
    bounds = np.unique(np.quantile(truth, np.arange(1, QUARTERS) / QUARTERS))
    index, told = np.searchsorted(bounds, truth, side="right"), [f"{bound:,.6g}" for bound in bounds]
    names = [f"{name} < {told[0]}", *(f"{name} {low} to {high}" for low, high in pairwise(told))]
    return {one: index == number for number, one in enumerate([*names, f"{name} >= {told[-1]}"])}


def _measured(name: str, errors: Array, params: Evaluate) -> dict[str, Any]:
    """Return what a part comes to, of its squared errors, (own and reference, rows)."""
    own, before = np.sqrt(errors.mean(axis=1))
    rows = errors.shape[1]
    drawn = np.concatenate(
        [np.sqrt(errors @ counts / rows) for counts in resampled(rows, params.resamples, params.seed)], axis=1
    )
    return {
        "slice": name,
        "rows": rows,
        "rmse": float(own),
        "interval": percentile_interval(drawn[0], params.confidence),
        "drop": float(_lost(own, before)),
        "drop_interval": percentile_interval(_lost(drawn[0], drawn[1]), params.confidence),
    }


def _lost(own: Any, before: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(own == before, 0.0, own / before - 1)
