"""Splits without leakage: by content, by strata, by groups of linked rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tasks.core.params.data import Split
from tasks.data.records import SPLITS, Array, Columns

DIGEST_BYTES = 16
GIVEN_SPLITS = ("", *SPLITS)  # what a source says of a row; its index here is how that is stored
# A unique row, and what decides its split.
RANKED = np.dtype([("rank", "<u8"), ("row", "<i8"), ("stratum", "<i4"), ("given", "u1")], align=True)


@dataclass(frozen=True)
class Arranged:
    """What follows from all rows together.

    Attributes:
        splits: the split of each row, (rows,) of str.
        columns: what a row has from others beside its own values, such as what came before it; (rows, ...) each.
    """

    splits: Array
    columns: Columns = field(default_factory=dict)


def content_digests(rows: Array) -> Array:
    """Return a 16-byte digest of each row's content, (rows,) of void."""
    content = np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data  # no row is copied
    row_bytes = len(content) // len(rows)
    return joined_digests(content[start : start + row_bytes] for start in range(0, len(content), row_bytes))


def text_digests(texts: Iterable[str]) -> Array:
    """Return a 16-byte digest of each text, (rows,) of void."""
    return joined_digests(text.encode("utf-8") for text in texts)


def contents_of(rows: Array) -> list[bytes]:
    """Return the bytes of each row, which has some."""
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    contents: list[bytes] = flat.view(f"V{flat.shape[1] * flat.itemsize}").reshape(-1).tolist()
    return contents


def joined_digests(contents: Iterable[bytes | memoryview]) -> Array:
    """Return a 16-byte digest of each content, (rows,) of void."""
    return np.frombuffer(b"".join(_hashed(blake2b(digest_size=DIGEST_BYTES), contents)), dtype=f"V{DIGEST_BYTES}")


def keyed(digests: Array, seed: int) -> Array:
    """Return a rank for each content that follows from it and the seed alone, (rows,) of uint64."""
    begun = blake2b(digest_size=8, key=seed.to_bytes(8, "little", signed=True))
    return np.frombuffer(b"".join(_hashed(begun, digests.tolist())), dtype="<u8")


def _hashed(begun: blake2b, contents: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the digest of each content; to copy a hash that was begun is quicker than to begin one."""
    for content in contents:
        hashing = begun.copy()
        hashing.update(content)
        yield hashing.digest()


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
    ranks, positions = np.zeros(strata, np.uint64), np.full(strata, -1)
    if not wanted.any():
        return First(free, ranks, positions)
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
        ranks[stratum], positions[stratum] = _bound(own, int(wanted[stratum]) - before, bin_ >> bins.bits > 0)
    return First(free, ranks, positions)


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
    positions: Array

    def __call__(self, rows: Array) -> Array:
        """Tell of each row, (rows,) of bool."""
        rank = self.ranks[rows["stratum"]]
        ties = rows["rank"] == rank
        ties[ties] = rows["row"][ties] <= self.positions[rows["stratum"][ties]]
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
    """Return rank and place of the last row that is taken of a bin, whose rows are in order.

    Rows of one rank, such as equal ones that were kept, are taken all or not at all, whichever is nearer to the count.
    """
    all_of_rank, none_of_rank = np.iinfo(np.int64).max, -1
    if everything:
        return np.iinfo(np.uint64).max, all_of_rank
    if count <= 0:
        return 0, none_of_rank
    rank = rows["rank"][count - 1]
    first, stop = np.searchsorted(rows["rank"], rank), np.searchsorted(rows["rank"], rank, side="right")
    return int(rank), all_of_rank if stop - count <= count - first else none_of_rank


def linked(sides: Sequence[Array]) -> Array:
    """Return the group of each row, (rows,) of int; rows are linked where they are equal on any side.

    Args:
        sides: what may be shared, (rows,) each.
    """
    rows, nodes, total = len(sides[0]), list[Array](), 0
    for side in sides:
        _, codes = np.unique(side, return_inverse=True)
        nodes.append(codes + total)
        total += int(codes.max(initial=-1)) + 1
    first = np.tile(nodes[0], len(nodes) - 1)
    edges = coo_array((np.ones(len(first), np.int8), (first, np.concatenate(nodes[1:]))), shape=(total, total))
    _, found = connected_components(edges, directed=False)
    groups: Array = np.unique(found[nodes[0]], return_inverse=True)[1]
    return groups if rows else np.zeros(0, np.int64)


def assign_groups(
    digests: Array, groups: Array, held_out: Array, given: Array, split: Split, ranks: Array | None = None
) -> Array:
    """Put each group whole into "train", "validation" or "test", (rows,) of str.

    Groups are ranked by a keyed hash of a row's content, so that nearly all stay where they are when rows are
    added. Where the source gives a split, a group with a row for the test goes there, else one with a row for
    validation.

    Args:
        digests: of the rows' contents, (rows,) of void.
        groups: of each row, (rows,) of int from 0; see `linked`.
        held_out: which rows may be in validation or test; a group with one that may not trains, (rows,) of bool.
        given: the split that the source says, (rows,) of str.
        split: fractions of all rows.
        ranks: of rows, (rows,) of uint64, that decide instead of their content; a group has the least of its rows'.
    """
    count = int(groups.max(initial=-1)) + 1
    by_content = np.argsort(digests)
    first = by_content[np.unique(groups[by_content], return_index=True)[1]]  # not the least hash: large groups have it
    group_ranks = keyed(digests[first], split.seed)
    if ranks is not None:
        group_ranks = np.full(count, np.iinfo(np.uint64).max, np.uint64)
        np.minimum.at(group_ranks, groups, ranks)
    sizes, free = np.bincount(groups, minlength=count), np.ones(count, bool)
    free[groups[~held_out]] = False
    names = np.full(count, "train", "<U10")
    for name, part in (("test", split.test), ("validation", split.validation)):
        if isinstance(part, str):
            chosen = np.setdiff1d(groups[given == name], np.flatnonzero(names != "train"))
        else:
            order = np.flatnonzero(free & (names == "train"))
            order = order[np.argsort(group_ranks[order], kind="stable")]
            chosen = order[np.cumsum(sizes[order]) <= round(part * len(groups))]
        names[chosen] = name
    assigned: Array = names[groups]
    return assigned
