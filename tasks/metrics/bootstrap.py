"""Confidence intervals by the bootstrap: seeded, paired, for every metric that is a function of sums over rows.

A resample gives each row a count. A metric follows from sums of what each row contributes, and all sums of all
resamples are one product of a sparse matrix (sums, rows) with the counts (rows, resamples).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import ndtri
from scipy.stats import binomtest

from tasks.core.params.gates import Evaluate
from tasks.data.records import Array

MOST_UNDEFINED = 0.1  # of the resamples of an interval
CHUNK = 250  # resamples at once: bounds the memory at about 4 * CHUNK * (rows + sums) bytes


def resampled(rows: int, resamples: int, seed: int) -> Iterator[Array]:
    """Yield how often each row is drawn, (rows, at most CHUNK) of float32, for `resamples` draws of `rows` rows."""
    random = np.random.default_rng(seed)
    for start in range(0, resamples, CHUNK):
        drawn = random.integers(0, rows, (min(CHUNK, resamples - start), rows))
        counts = [np.bincount(one, minlength=rows) for one in drawn]
        yield np.ascontiguousarray(np.stack(counts, axis=1), np.float32)


def one_hot(codes: Array, num_codes: int, values: Array | None = None) -> csr_matrix:
    """Return the matrix (num_codes, rows) that sums `values` (rows,), ones if not given, by `codes` (rows,)."""
    rows = np.arange(len(codes))
    data = np.ones(len(codes), np.float32) if values is None else np.asarray(values, np.float32)
    return csr_matrix((data, (codes, rows)), shape=(num_codes, len(codes)))


def percentile_interval(replicates: Array, confidence: float) -> list[float] | None:
    """Return the interval [low, high] between the outer quantiles (Efron and Tibshirani 1993, chapter 13).

    Args:
        replicates: the metric of each resample, (resamples,); where it is undefined not finite, and then left out.
        confidence: of the interval, such as 0.95.

    Returns:
        None where the metric is undefined for more than a tenth of the resamples.
    """
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < (1 - MOST_UNDEFINED) * len(replicates):
        return None
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return [float(low), float(high)]


def mirrored_interval(value: float, replicates: Array, confidence: float) -> list[float] | None:
    """Return the outer quantiles mirrored at the value (the basic bootstrap): it takes back the replicates' bias."""
    quantiles = percentile_interval(replicates, confidence)
    return [2 * value - quantiles[1], 2 * value - quantiles[0]] if quantiles else None


def mean_interval(values: Array, params: Evaluate) -> list[float] | None:
    """Return the interval of the mean of a figure that each row has, (rows,)."""
    draws = resampled(len(values), params.resamples, params.seed)
    return percentile_interval(np.concatenate([values @ counts / len(values) for counts in draws]), params.confidence)


def wilson(correct: int, rows: int, confidence: float) -> list[float]:
    """Return the Wilson score interval of a fraction, as [low, high] (Wilson 1927)."""
    bounds = binomtest(correct, rows).proportion_ci(confidence, method="wilson")
    return [float(bounds.low), float(bounds.high)]


def accuracy_drop(reference: Array, own: Array, confidence: float) -> dict[str, Any]:
    """Compare which rows two models get right.

    The interval is Wald's for a difference of paired proportions with half a row added to each of the four cells
    (Agresti and Min 2005, Statistics in Medicine 24:729), which covers what it says also where few rows differ.

    Args:
        reference: which rows the reference gets right, (rows,) of bool.
        own: which rows the model gets right, (rows,) of bool.
        confidence: of the interval, such as 0.95.

    Returns:
        `accuracy_drop` (positive where the model is worse) and `accuracy_drop_interval`, as fractions.
    """
    lost, won = int(np.sum(reference & ~own)), int(np.sum(own & ~reference))
    rows = len(reference)
    middle = (lost - won) / (rows + 2)
    variance = ((lost + won + 1) / (rows + 2) - middle**2) / (rows + 2)
    half = float(ndtri((1 + confidence) / 2)) * float(np.sqrt(variance))
    return {"accuracy_drop": (lost - won) / rows, "accuracy_drop_interval": [middle - half, middle + half]}


@dataclass(frozen=True)
class Scores:
    """Figures of a set of rows.

    Attributes:
        values: by metric.
        undefined: why one is None.
    """

    values: dict[str, float | None]
    undefined: dict[str, str] = field(default_factory=dict)


class Metrics(Protocol):
    """The metrics of one model on some rows.

    Attributes:
        rows: how many.
        lower_is_better: metrics of which less is better.
        fractions: metrics that lie in [0, 1].
        mirrored: metrics whose resamples all lie to one side, such as means of absolute values.
    """

    rows: int
    lower_is_better: frozenset[str]
    fractions: frozenset[str]
    mirrored: frozenset[str]

    def values(self) -> Mapping[str, float | None]:
        """Return each metric, None where it is undefined."""

    def of_resamples(self, counts: Array) -> Mapping[str, Array]:
        """Return each metric, (resamples,), for how often each row is drawn, (rows, resamples)."""


def compared(own: Metrics, reference: Metrics, params: Evaluate) -> dict[str, dict[str, Any]]:
    """Return for each metric `value`, `interval`, `drop` (positive where `own` is worse) and `drop_interval`.

    Both are resampled alike, so the interval of the drop is paired. All are None where the metric is undefined.
    `undefined_resamples` counts those that are left out of an interval, such as resamples without a row of a class; it
    is there where there are any. An interval is None where they are more than a tenth.
    """
    drawn, then_drawn = _replicates([own, reference], params)
    before, found = reference.values(), {}
    for name, value in own.values().items():
        sign = 1 if name in own.lower_is_better else -1
        then = before[name]
        drop = None if value is None or then is None else sign * (value - then) + 0.0  # no -0.0
        interval, drop_interval = None, None
        if name in drawn:
            lost = sign * (drawn[name] - then_drawn[name])
            interval = _interval(value, drawn[name], params.confidence, mirrored=name in own.mirrored)
            drop_interval = _interval(drop, lost, params.confidence, mirrored=name in own.mirrored)
        if interval and name in own.fractions:
            interval = [max(interval[0], 0.0), min(interval[1], 1.0)]
        found[name] = {"value": value, "interval": interval, "drop": drop, "drop_interval": drop_interval}
        if value is not None and (left_out := _undefined(drawn.get(name), then_drawn.get(name))):
            found[name]["undefined_resamples"] = left_out
    return found


def _undefined(own: Array | None, reference: Array | None) -> int:
    """Count the resamples, the first replicate is none, in which one of both models has no value."""
    if own is None or reference is None:
        return 0
    return int((~np.isfinite(own[1:]) | ~np.isfinite(reference[1:])).sum())


def _replicates(models: list[Metrics], params: Evaluate) -> list[dict[str, Array]]:
    """Return for each metric of each model (1 + resamples,), the rows themselves first."""
    rows = models[0].rows
    draws = chain([np.ones((rows, 1), np.float32)], resampled(rows, params.resamples, params.seed))
    chunks = [[model.of_resamples(counts) for model in models] for counts in draws]
    return [
        {name: np.concatenate([chunk[index][name] for chunk in chunks]) for name in chunks[0][index]}
        for index in range(len(models))
    ]


def _interval(value: float | None, drawn: Array, confidence: float, *, mirrored: bool) -> list[float] | None:
    """Return the interval around a value from its replicates, the first of which is that of the rows themselves."""
    if value is None:
        return None
    moved = drawn[1:] + (value - drawn[0])  # exact where replicates are computed on fewer levels than the value
    return mirrored_interval(value, moved, confidence) if mirrored else percentile_interval(moved, confidence)
