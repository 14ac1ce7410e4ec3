"""Intervals of any metric that is a function of sums over rows: the rows drawn again, seeded, paired, without a loop.

A resample gives each row a count. A metric follows from sums of what each row contributes, and all sums of all
resamples are one product of a sparse matrix (sums, rows) with the counts (rows, resamples).
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import binomtest

from tasks.data.records import Array

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
        replicates: the metric of each resample, (resamples,); NaN where it is undefined.
        confidence: of the interval, such as 0.95.

    Returns:
        None where the metric is undefined for more than a tenth of the resamples.
    """
    if np.isnan(replicates).mean() > 0.1:
        return None
    low, high = np.nanquantile(replicates, [(1 - confidence) / 2, (1 + confidence) / 2])
    return [float(low), float(high)]


def mirrored_interval(value: float, replicates: Array, confidence: float) -> list[float] | None:
    """Return the outer quantiles mirrored at the value (the basic bootstrap): it takes back the replicates' bias."""
    quantiles = percentile_interval(replicates, confidence)
    return [2 * value - quantiles[1], 2 * value - quantiles[0]] if quantiles else None


def wilson(correct: int, rows: int, confidence: float) -> list[float]:
    """Return the Wilson score interval of a fraction, as [low, high] (Wilson 1927)."""
    bounds = binomtest(correct, rows).proportion_ci(confidence, method="wilson")
    return [float(bounds.low), float(bounds.high)]
