"""What a format reads from raw files, a chunk at a time."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class BadRow:
    """A row that was left out."""

    source: str
    reason: str


@dataclass(frozen=True)
class Chunk:
    """Some rows of one raw file that share a shape, and those between them that could not be read at all.

    Attributes:
        images: raw values, (rows, height, width, channels), integer or float.
        labels: class names, (rows,) of str.
        sources: where each row came from, (rows,) of str, for people.
        given: the split that the source puts the rows in, None where it does not say.
    """

    images: Array
    labels: Array
    sources: Array
    given: SplitName | None = None
    unreadable: list[BadRow] = field(default_factory=list)


def only_unreadable(source: str, reason: str) -> Chunk:
    """Return a chunk of nothing but one row that could not be read."""
    nothing = np.empty(0, dtype=np.str_)
    return Chunk(np.empty((0, 1, 1, 1), np.uint8), nothing, nothing, None, [BadRow(source, reason)])
