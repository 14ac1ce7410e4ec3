"""Splits without leakage: every content is in one split only, and stays there when more data come."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from tasks.contracts.preprocessing import Split
from tasks.data.records import Array, Columns

DIGEST_BYTES = 16


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
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    joined = b"".join([blake2b(row.data, digest_size=DIGEST_BYTES).digest() for row in flat])
    return np.frombuffer(joined, dtype=f"V{DIGEST_BYTES}")


def text_digests(texts: Iterable[str]) -> Array:
    """Return a 16-byte digest of each text, (rows,) of void."""
    joined = b"".join([blake2b(text.encode("utf-8"), digest_size=DIGEST_BYTES).digest() for text in texts])
    return np.frombuffer(joined, dtype=f"V{DIGEST_BYTES}")


def first_of_each(digests: Array, given: Array) -> Array:
    """Return for each row the index of the row with the same content that is kept: itself, where it is the first.

    A row that the source puts into the test split goes before one of the validation split, and that before all others,
    so that a given test split keeps its rows and the training split loses the copies.
    """
    rank = np.select([given == "test", given == "validation"], [0, 1], default=2)
    order = np.lexsort((np.arange(len(rank)), rank))
    _, first, inverse = np.unique(digests[order], return_index=True, return_inverse=True)
    kept = np.empty(len(order), np.int64)
    kept[order] = order[first[inverse]]
    return kept


def assign(digests: Array, strata: Array, given: Array, split: Split) -> Array:
    """Put each row into "train", "validation" or "test", (rows,) of str.

    Stratified: a fraction is taken of each stratum, such as a class. Within one the rows are ranked by a keyed hash of
    their content, not by their place: another order changes nothing, and when rows are added nearly all stay where
    they are (only those at the rank where a split ends can move, most of them between test and validation).
    """
    ranks = keyed(digests, split.seed)
    assigned = np.where(given == "", "train", given).astype("<U10")
    for name, part in (("test", split.test), ("validation", split.validation)):
        if isinstance(part, str):
            continue
        assigned[given == name] = "train"
        for stratum in np.unique(strata):
            members = np.flatnonzero(strata == stratum)
            free = members[assigned[members] == "train"]
            wanted = round(part * len(members))
            assigned[free[np.argsort(ranks[free], kind="stable")[:wanted]]] = name
    return assigned


def by_content(strata: Callable[[Columns], Array]) -> Callable[[Columns, Array, Array, Split], Arranged]:
    """Return the `arranged` of a kind whose rows have nothing from one another: divided by their contents alone."""

    def arranged(columns: Columns, digests: Array, given: Array, split: Split) -> Arranged:
        return Arranged(assign(digests, strata(columns), given, split))

    return arranged


def keyed(digests: Array, seed: int) -> Array:
    """Return a rank for each content that follows from it and the seed alone, (rows,) of uint64."""
    key = seed.to_bytes(8, "little", signed=True)
    ranks = [blake2b(digest, digest_size=8, key=key).digest() for digest in digests.tolist()]
    return np.frombuffer(b"".join(ranks), dtype="<u8")
