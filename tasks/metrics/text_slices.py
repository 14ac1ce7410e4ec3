"""The BLEU of parts of the rows, the worst part first, and what compression costs in each."""

from itertools import pairwise
from typing import Any

import numpy as np

from tasks.contracts.judging import Evaluate
from tasks.data.records import Array
from tasks.metrics.bootstrap import percentile_interval, resampled
from tasks.metrics.translation import Translation

QUARTERS = 4


def lengths(references: list[str]) -> dict[str, Array]:
    """Return which rows are in each quarter of the references' lengths, (rows,) of bool, by its bounds in words."""
    words = np.array([len(text.split()) for text in references])
    bounds = np.unique(np.quantile(words, np.arange(1, QUARTERS) / QUARTERS).astype(int))
    index = np.searchsorted(bounds, words, side="right")
    between = (f"words {low}" if high - low == 1 else f"words {low} to {high - 1}" for low, high in pairwise(bounds))
    names = [f"words < {bounds[0]}", *between]
    return {name: index == number for number, name in enumerate([*names, f"words >= {bounds[-1]}"])}


def sliced(own: Translation, reference: Translation, parts: dict[str, Array], params: Evaluate) -> list[dict[str, Any]]:
    """Measure BLEU in each part; `drop` is which fraction of the reference's is lost.

    Args:
        own: translations of the model.
        reference: translations of float32.
        parts: which rows are in each part, (rows,) of bool, by its name; parts without rows are left out.
        params: of the bootstrap.
    """
    found = [_measured(name, own, reference, part, params) for name, part in parts.items() if part.any()]
    return sorted(found, key=lambda one: (one["bleu"], one["slice"]))


def _measured(name: str, own: Translation, reference: Translation, part: Array, params: Evaluate) -> dict[str, Any]:
    rows = np.flatnonzero(part)
    draws = [np.ones((len(rows), 1), np.float32), *resampled(len(rows), params.resamples, params.seed)]
    values, before = (
        np.concatenate([model.of_resamples(_placed(counts, rows, len(part)), ("bleu",))["bleu"] for counts in draws])
        for model in (own, reference)
    )
    lost = np.where(values == before, 0.0, 1 - values / np.maximum(before, 1e-9))
    return {
        "slice": name,
        "rows": len(rows),
        "bleu": float(values[0]),
        "interval": percentile_interval(values[1:], params.confidence),
        "drop": float(lost[0]),
        "drop_interval": percentile_interval(lost[1:], params.confidence),
    }


def _placed(counts: Array, rows: Array, total: int) -> Array:
    """Return counts of all rows, of which only some are drawn."""
    placed = np.zeros((total, counts.shape[1]), np.float32)
    placed[rows] = counts
    return placed
