"""Splits without leakage: every content is in one split only, and stays there when more data come."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from tasks.data.records import SPLITS, Array, Columns

DIGEST_BYTES = 16
GIVEN = ("", *SPLITS)  # what a source says of a row; its place here is how that is kept
# A row that is kept, and what its split hangs on.
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
