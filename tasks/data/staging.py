"""Rows between cleaning and splitting: their values on disk, so that memory does not grow with them."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol

import numpy as np

from tasks.data.records import Array, Chunk, Columns


class Values(Protocol):
    """The values of one column."""

    def take(self, rows: Array) -> Array:
        """Return those of the given rows."""


@dataclass(frozen=True)
class Rows:
    """All good rows, in the order of reading.

    Attributes:
        values: of each column; those that were read lie on disk.
        digests: of the contents, (rows,) of void.
        given: the split that the source puts each row in, (rows,) of str, empty where it says none.
        sources: where each row came from, (rows,) of str.
    """

    values: dict[str, Values]
    digests: Array
    given: Array
    sources: Array

    def take(self, rows: Array, names: tuple[str, ...] | None = None) -> Columns:
        """Return the given rows of all columns, or of some."""
        return {name: values.take(rows) for name, values in self.values.items() if names is None or name in names}

    def joined(self, rows: Array, columns: Columns) -> "Rows":
        """Return the same rows with more columns, which are known of the given rows, in ascending order, alone."""
        return replace(self, values={**self.values, **{name: Known(rows, each) for name, each in columns.items()}})


class Staging:
    """Takes good rows chunk by chunk; the files below `folder` have no names and go with the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._values: dict[str, Fixed | Texts] = {}
        self._digests: list[Array] = []
        self._given: list[Array] = []
        self._sources: list[Array] = []

    def append(self, chunk: Chunk, digests: Array) -> None:
        """Add a chunk's rows, with the digests of their contents."""
        if not len(chunk):
            return
        for name, values in chunk.columns.items():
            if name not in self._values:
                self._values[name] = Texts(self._folder) if values.dtype.kind in "OU" else Fixed(self._folder, values)
            self._values[name].append(values)
        self._digests.append(digests)
        self._given.append(np.full(len(chunk), chunk.given or ""))
        self._sources.append(chunk.sources)

    def rows(self) -> Rows | None:
        """Return all rows, None where there are none."""
        if not self._digests:
            return None
        digests, given, sources = map(np.concatenate, (self._digests, self._given, self._sources))
        return Rows({**self._values}, digests, given, sources)


@dataclass(frozen=True)
class Known:
    """Values, (rows, ...), of some rows."""

    rows: Array
    values: Array

    def take(self, rows: Array) -> Array:
        """Return those of the given rows."""
        taken: Array = self.values[np.searchsorted(self.rows, rows)]
        return taken


class Fixed:
    """Values of one type and shape."""

    def __init__(self, folder: Path, first: Array) -> None:
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - it lives as long as the rows do
        self._dtype, self._shape, self._rows = first.dtype, first.shape[1:], 0

    def append(self, values: Array) -> None:
        """Add rows."""
        self._file.write(np.ascontiguousarray(values, self._dtype).data)
        self._rows += len(values)

    def take(self, rows: Array) -> Array:
        """Return the given rows."""
        self._file.flush()
        mapped = np.memmap(self._file, self._dtype, mode="r", shape=(self._rows, *self._shape))
        return np.asarray(mapped[rows])


class Texts:
    """Texts of any length, in UTF-8."""

    def __init__(self, folder: Path) -> None:
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115
        self._ends: list[Array] = [np.zeros(1, np.int64)]

    def append(self, values: Array) -> None:
        """Add rows."""
        encoded = [text.encode("utf-8") for text in values.tolist()]
        self._file.write(b"".join(encoded))
        self._ends.append(self._ends[-1][-1] + np.cumsum([len(text) for text in encoded], dtype=np.int64))

    def take(self, rows: Array) -> Array:
        """Return the given rows, (rows,) of str objects."""
        self._file.flush()
        self._ends = [np.concatenate(self._ends)]
        ends = self._ends[0]
        mapped = np.memmap(self._file, np.uint8, mode="r") if ends[-1] else np.empty(0, np.uint8)
        return texts(mapped, ends[rows], ends[rows + 1])


def texts(content: Array, starts: Array, ends: Array) -> Array:
    """Return the texts that lie in bytes between starts and ends, (rows,) of str objects."""
    found = np.empty(len(starts), object)
    for index, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        found[index] = bytes(content[start:end]).decode("utf-8")
    return found
