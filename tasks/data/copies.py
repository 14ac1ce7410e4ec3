"""Equal contents among more rows than memory holds: which row is kept, and which are copies of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.data.records import Array
from tasks.data.splits import GIVEN

# A row and what copies are found by; the digest is in two halves, which are compared faster than bytes are.
DIGESTED = np.dtype([("high", "<u8"), ("low", "<u8"), ("row", "<i8"), ("stratum", "<i4"), ("given", "u1")], align=True)
# A copy, the row that is kept in its place, and whether that has another stratum.
COPY = np.dtype([("row", "<i8"), ("first", "<i8"), ("another", "?")])
PREFERENCE = np.array([{"test": 0, "validation": 1}.get(name, 2) for name in GIVEN], np.uint8)
BUCKET_ROWS = 1 << 17
MAX_BUCKETS = 256


@dataclass(frozen=True)
class Buckets:
    """Records on disk, divided by a number of each, so that those of one number fit into memory.

    Many processes may add at once, each to a file of its own.

    Attributes:
        folder: that the files are in; it is there.
        count: of the numbers.
        dtype: of a record.
    """

    folder: Path
    count: int
    dtype: np.dtype[np.void]

    def add(self, file: int, numbers: Array, records: Array) -> None:
        """Write records, (records,), into the file of a number, each for the bucket of its own, (records,) of int."""
        numbers = numbers.astype(np.min_scalar_type(self.count - 1))  # small ones are sorted many times faster
        ends = np.bincount(numbers, minlength=self.count).cumsum()
        with (self.folder / f"{file:05d}").open("wb") as written:
            written.write(np.append(0, ends).astype("<i8").data)
            written.write(records.take(np.argsort(numbers, kind="stable")).data)

    def of(self, number: int, files: Iterable[int]) -> Array:
        """Return the records of a bucket in some files, in the order of these."""
        parts = [self._within(file, number) for file in files]
        return np.concatenate(parts) if parts else np.empty(0, self.dtype)

    def _within(self, name: int, number: int) -> Array:
        with (self.folder / f"{name:05d}").open("rb") as file:
            file.seek(8 * number)
            start, stop = np.frombuffer(file.read(16), "<i8").tolist()
            file.seek(8 * (self.count + 1) + start * self.dtype.itemsize)
            return np.frombuffer(file.read((stop - start) * self.dtype.itemsize), self.dtype)


def buckets_for(rows: int) -> int:
    """Return a power of two: how many buckets hold so many rows."""
    count = 1
    while count < MAX_BUCKETS and count * BUCKET_ROWS < rows:
        count *= 2
    return count


def bucket_of(high: Array, count: int) -> Array:
    """Return the bucket of each digest, by its first bits: (rows,) of int64, for a power of two of buckets."""
    return (high >> np.uint64(32)).astype(np.int64) * count >> 32


def digested(digests: Array, rows: Array, strata: Array, given: Array) -> Array:
    """Return (rows,) of DIGESTED for digests of 16 bytes, (rows,) of void, and what else stands there."""
    found = np.zeros(len(rows), DIGESTED)
    halves = np.ascontiguousarray(digests).view("<u8").reshape(-1, 2)
    found["high"], found["low"], found["row"], found["stratum"], found["given"] = *halves.T, rows, strata, given
    return found


def copies(rows: Array) -> Array:
    """Return which of the rows, (rows,) of DIGESTED, are copies of others among them: (copies,) of COPY.

    A row that the source puts into the test split goes before one of the validation split, and that before all others,
    so that a given test split keeps its rows and the training split loses the copies; then the first goes before.
    """
    order = np.argsort(rows["high"])
    ordered = rows["high"][order]
    same = ordered[1:] == ordered[:-1]
    alike = rows[order[np.append(same, False) | np.append(False, same)]] if len(rows) else rows
    alike = alike[np.lexsort((alike["row"], PREFERENCE[alike["given"]], alike["low"], alike["high"]))]
    is_first = np.ones(len(alike), bool)
    is_first[1:] = (alike["high"][1:] != alike["high"][:-1]) | (alike["low"][1:] != alike["low"][:-1])
    first = alike[np.flatnonzero(is_first)[np.cumsum(is_first) - 1]]
    found = np.empty(int((~is_first).sum()), COPY)
    found["row"], found["first"] = alike["row"][~is_first], first["row"][~is_first]
    found["another"] = (alike["stratum"] != first["stratum"])[~is_first]
    return found
