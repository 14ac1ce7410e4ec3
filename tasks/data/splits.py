"""Splits without leakage: every content is in one split only, and stays there when more data come."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from tasks.contracts.preprocessing import Split
from tasks.data.records import SPLITS, Array, Columns

DIGEST_BYTES = 16
GIVEN = ("", *SPLITS)  # what a source says of a row; its place here is how that is kept
# A row that is kept, and what its split hangs on.
RANKED = np.dtype([("rank", "<u8"), ("row", "<i8"), ("stratum", "<i4"), ("given", "u1")], align=True)
TRAIN, VALIDATION, TEST = range(3)  # places in SPLITS
MAX_COUNTS = 1 << 20
BINS_BITS = 12

Stream = Callable[[], Iterator[Array]]


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


def assigned(ranked: Stream, strata: int, split: Split) -> Iterator[Array]:
    """Put each row into a split, as its place in SPLITS: (rows,) of uint8 for each array of rows that comes.

    Stratified: a fraction is taken of each stratum, such as a class. Within one the rows are ranked by a keyed hash of
    their content, not by their place: another order changes nothing, and when rows are added nearly all stay where
    they are (only those at the rank where a split ends can move, most of them between test and validation). A source
    may say the split instead; a fraction takes no notice of what it says.

    Args:
        ranked: yields all rows in their order, (rows,) of RANKED, some at a time, as often as it is called.
        strata: how many there are.
        split: fractions, or `given`.
    """
    counts = sum((np.bincount(rows["stratum"], minlength=strata) for rows in ranked()), np.zeros(strata, np.int64))

    def wanted(part: float) -> Array:
        return np.array([round(part * count) for count in counts.tolist()], np.int64)

    def is_given(name: int) -> Callable[[Array], Array]:
        return lambda rows: rows["given"] == name + 1

    test, validation = is_given(TEST), is_given(VALIDATION)
    if not isinstance(split.test, str):
        stays = validation  # it may become a row of the training, and of the test it does not
        test = least(ranked, lambda rows: ~stays(rows), wanted(split.test))
    if not isinstance(split.validation, str):
        validation = least(ranked, lambda rows: ~test(rows), wanted(split.validation))
    for rows in ranked():
        yield np.select([test(rows), validation(rows)], [TEST, VALIDATION], TRAIN).astype(np.uint8)


def least(ranked: Stream, free: Callable[[Array], Array], wanted: Array) -> Callable[[Array], Array]:
    """Return what tells which free rows are the first of their stratum, by rank and then by place.

    They are found by counting: which bin of ranks the last of them lies in, then which row of that bin it is. So no
    more is held than a bin of each stratum.

    Args:
        ranked: see `assigned`.
        free: which rows may be taken, (rows,) of bool.
        wanted: how many of each stratum, (strata,) of int64.
    """
    strata = len(wanted)
    if not wanted.any():
        return lambda rows: np.zeros(len(rows), bool)
    bits = min(BINS_BITS, max(1, (MAX_COUNTS // max(strata, 1)).bit_length() - 1))
    shift = np.uint64(64 - bits)
    counts = np.zeros(strata << bits, np.int64)

    def bins(rows: Array) -> Array:
        return (rows["stratum"].astype(np.int64) << bits) + (rows["rank"] >> shift).astype(np.int64)

    for rows in ranked():
        counts += np.bincount(bins(rows)[free(rows)], minlength=len(counts))
    ends = counts.reshape(strata, -1).cumsum(axis=1)
    last_bin = (ends < wanted[:, np.newaxis]).sum(axis=1)  # that of the last row, or behind all: all are taken
    within = np.flatnonzero(last_bin < 1 << bits)
    is_last = np.zeros(len(counts), bool)
    is_last[(within << bits) + last_bin[within]] = True
    inside = [rows[is_last[bins(rows)] & free(rows)] for rows in ranked()]
    found = np.concatenate(inside) if inside else np.empty(0, RANKED)
    ranks, places = np.zeros(strata, np.uint64), np.zeros(strata, np.int64)
    for stratum in range(strata):
        bin_ = int(last_bin[stratum])
        before = int(ends[stratum, bin_ - 1]) if bin_ else 0
        own = found[found["stratum"] == stratum]
        ranks[stratum], places[stratum] = _bound(own, int(wanted[stratum]) - before, bin_ >> bits > 0)

    def taken(rows: Array) -> Array:
        rank = ranks[rows["stratum"]]
        ties = rows["rank"] == rank
        ties[ties] = rows["row"][ties] <= places[rows["stratum"][ties]]
        first: Array = free(rows) & ((rows["rank"] < rank) | ties)
        return first

    return taken


def _bound(rows: Array, count: int, everything: bool) -> tuple[int, int]:
    """Return rank and place of the last row that is taken of a bin."""
    if everything:
        return np.iinfo(np.uint64).max, np.iinfo(np.int64).max
    if count <= 0:
        return 0, -1
    last = rows[np.lexsort((rows["row"], rows["rank"]))[count - 1]]
    return int(last["rank"]), int(last["row"])
