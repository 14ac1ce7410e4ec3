"""What a format reads from raw files, a chunk at a time."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Columns = dict[str, Array]
SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class BadRow:
    """A row that was left out."""

    source: str
    reason: str


@dataclass(frozen=True)
class Chunk:
    """Some rows of one raw file, and those between them that could not be read at all.

    Attributes:
        columns: values by name, (rows, ...) each: of images `image`, (rows, height, width, channels), and `label`; of
            records text as it was read, by role.
        sources: where each row came from, (rows,) of str, for people.
        given: the split that the source puts the rows in, None where it does not say.
    """

    columns: Columns
    sources: Array
    given: SplitName | None = None
    unreadable: list[BadRow] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sources)

    def chosen(self, rows: Array, unreadable: list[BadRow]) -> "Chunk":
        """Return some of the rows, (rows,) of bool, with other unreadable ones."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Chunk(columns, self.sources[rows], self.given, unreadable)


def objects(texts: list[str]) -> Array:
    """Return texts as (rows,) of str objects."""
    found = np.empty(len(texts), object)
    found[:] = texts
    return found


def only_unreadable(source: str, reason: str) -> Chunk:
    """Return a chunk of nothing but one row that could not be read."""
    return Chunk({}, np.empty(0, dtype=np.str_), None, [BadRow(source, reason)])
