"""Fractions of each stratum for the splits, among more rows than memory holds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from tasks.contracts.preprocessing import Split
from tasks.data.records import SPLITS, Array

TRAIN, VALIDATION, TEST = range(len(SPLITS))  # places in SPLITS
MAX_COUNTS = 1 << 18
BINS_BITS = 10

Which = Callable[[Array], Array]  # tells of each row whether it is chosen
Ranked = Callable[[Callable[[Array], Array]], Iterator[Array]]


def assigned(ranked: Ranked, strata: int, split: Split) -> Iterator[Array]:
    """Put each row into a split, as its place in SPLITS: (rows,) of uint8 for each array of rows that comes.

    Stratified: a fraction is taken of each stratum, such as a class. Within one the rows are ranked by a keyed hash of
    their content, not by their place: another order changes nothing, and when rows are added nearly all stay where
    they are (only those at the rank where a split ends can move, most of them between test and validation). A source
    may say the split instead; a fraction takes no notice of what it says.

    Args:
        ranked: calls a function, one that can be pickled, with all rows in their order, some at a time.
        strata: how many there are.
        split: fractions, or `given`.
    """
    counts = sum(ranked(partial(_count, strata)), np.zeros(strata, np.int64))

    def wanted(part: float) -> Array:
        return np.array([round(part * count) for count in counts.tolist()], np.int64)

    test: Which = Given(TEST)
    validation: Which = Given(VALIDATION)
    if not isinstance(split.test, str):  # a row of the given validation may become one of the training, not of the test
        test = least(ranked, Others(validation), wanted(split.test))
    if not isinstance(split.validation, str):
        validation = least(ranked, Others(test), wanted(split.validation))
    return ranked(partial(_placed, test, validation))


def least(ranked: Ranked, free: Which, wanted: Array) -> "First":
    """Return what tells which free rows are the first of their stratum, by rank and then by place.

    They are found by counting: which bin of ranks the last of them lies in, then which row of that bin it is. So no
    more is held than a bin of each stratum.

    Args:
        ranked: see `assigned`.
        free: which rows may be taken, (rows,) of bool.
        wanted: how many of each stratum, (strata,) of int64.
    """
    strata = len(wanted)
    ranks, places = np.zeros(strata, np.uint64), np.full(strata, -1)
    if not wanted.any():
        return First(free, ranks, places)
    bins = _Bins(free, strata, min(BINS_BITS, max(1, (MAX_COUNTS // max(strata, 1)).bit_length() - 1)))
    counts = sum(ranked(bins.count), np.zeros(strata << bins.bits, np.int64))
    ends = counts.reshape(strata, -1).cumsum(axis=1)
    last_bin = (ends < wanted[:, np.newaxis]).sum(axis=1)  # that of the last row, or behind all: all are taken
    found = np.concatenate(list(ranked(partial(bins.inside, last_bin))))
    found = found[np.lexsort((found["row"], found["rank"], found["stratum"]))]
    parts = np.split(found, np.searchsorted(found["stratum"], range(1, strata)))
    for stratum, own in enumerate(parts):
        bin_ = int(last_bin[stratum])
        before = int(ends[stratum, bin_ - 1]) if bin_ else 0
        ranks[stratum], places[stratum] = _bound(own, int(wanted[stratum]) - before, bin_ >> bins.bits > 0)
    return First(free, ranks, places)


@dataclass(frozen=True)
class Given:
    """Which rows the source puts into a split, by its place in SPLITS."""

    split: int

    def __call__(self, rows: Array) -> Array:
        """Tell of each row, (rows,) of bool."""
        chosen: Array = rows["given"] == self.split + 1
        return chosen


@dataclass(frozen=True)
class Others:
    """Which rows are none of some."""

    some: Which

    def __call__(self, rows: Array) -> Array:
        """Tell of each row, (rows,) of bool."""
        return ~self.some(rows)


@dataclass(frozen=True)
class First:
    """Which free rows come before a rank or are at it, and there not behind a place; of each stratum its own."""

    free: Which
    ranks: Array
    places: Array

    def __call__(self, rows: Array) -> Array:
        """Tell of each row, (rows,) of bool."""
        rank = self.ranks[rows["stratum"]]
        ties = rows["rank"] == rank
        ties[ties] = rows["row"][ties] <= self.places[rows["stratum"][ties]]
        chosen: Array = self.free(rows) & ((rows["rank"] < rank) | ties)
        return chosen


@dataclass(frozen=True)
class _Bins:
    """Free rows by the first bits of their rank, each stratum apart."""

    free: Which
    strata: int
    bits: int

    def _of_rank(self, rows: Array) -> Array:
        bins: Array = (rows["rank"] >> np.uint64(64 - self.bits)).astype(np.int64)
        return bins

    def count(self, rows: Array) -> Array:
        """Return how many are in each bin of each stratum, (strata << bits,)."""
        bins = (rows["stratum"].astype(np.int64) << self.bits) + self._of_rank(rows)
        return np.bincount(bins[self.free(rows)], minlength=self.strata << self.bits).astype(np.int32)

    def inside(self, chosen: Array, rows: Array) -> Array:
        """Return those in the bin that is chosen of each stratum, (strata,)."""
        within: Array = (self._of_rank(rows) == chosen[rows["stratum"]]) & self.free(rows)
        return rows[within]


def _count(strata: int, rows: Array) -> Array:
    return np.bincount(rows["stratum"], minlength=strata)


def _placed(test: Which, validation: Which, rows: Array) -> Array:
    return np.select([test(rows), validation(rows)], [TEST, VALIDATION], TRAIN).astype(np.uint8)


def _bound(rows: Array, count: int, everything: bool) -> tuple[int, int]:
    """Return rank and place of the last row that is taken of a bin, whose rows are in order."""
    if everything:
        return np.iinfo(np.uint64).max, np.iinfo(np.int64).max
    if count <= 0:
        return 0, -1
    return int(rows["rank"][count - 1]), int(rows["row"][count - 1])
