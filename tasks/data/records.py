"""What a format reads from raw files, a chunk at a time."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Columns = dict[str, Array]
SplitName = Literal["train", "validation", "test"]
Result = TypeVar("Result")
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
SHOWN = 10


@dataclass(frozen=True)
class BadRow:
    """A row that was left out."""

    source: str
    reason: str


@dataclass
class Reasons:
    """Why rows were left out: how many by the kind of reason, in the order of reading, and some of them."""

    counts: Counter[str] = field(default_factory=Counter)
    first: list[BadRow] = field(default_factory=list)

    def add(self, rows: Iterable[BadRow]) -> None:
        """Count rows; what stands before the first colon is the kind of a reason."""
        for row in rows:
            self.counts[row.reason.split(":")[0]] += 1
            if len(self.first) < SHOWN:
                self.first.append(row)

    def merge(self, others: "Reasons") -> None:
        """Count what was counted elsewhere, of rows that come behind these."""
        self.counts.update(others.counts)
        self.first += others.first[: SHOWN - len(self.first)]

    def __str__(self) -> str:
        """Tell the counts, and name the first rows, a line each."""
        counts = ", ".join(f"{count} {reason}" for reason, count in self.counts.most_common())
        return f"({counts}), the first of them:\n  " + "\n  ".join(f"{row.source}: {row.reason}" for row in self.first)


@dataclass(frozen=True)
class Places:
    """Where rows of one file came from, as `rows.csv:17`; it is indexed as an array of texts is, and takes less.

    Attributes:
        name: of the file.
        numbers: of lines or rows in it, (rows,) of int.
    """

    name: str
    numbers: Array

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def __getitem__(self, rows: Any) -> Any:
        chosen = self.numbers[rows]
        return Places(self.name, chosen) if isinstance(chosen, np.ndarray) else f"{self.name}:{chosen}"

    def tolist(self) -> list[str]:
        """Return all as texts."""
        return [f"{self.name}:{number}" for number in self.numbers.tolist()]


@dataclass(frozen=True)
class Chunk:
    """Some rows of one raw file, and those between them that could not be read at all.

    Attributes:
        columns: values by name, (rows, ...) each: of images `image`, (rows, height, width, channels), and `label`; of
            records text as it was read, by role.
        sources: where each row came from, (rows,) of str, or what stands for it, for people.
        given: the split that the source puts the rows in, None where it does not say.
        unreadable: the rows that could not be read, each with its reason.
        skipped: how many units of the file were read that are no rows, by what they are: a header, empty lines.
        notes: what was done to how many rows that their owner may want to know, such as turning a picture.
    """

    columns: Columns
    sources: Array | Places
    given: SplitName | None = None
    unreadable: list[BadRow] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.sources)

    def chosen(self, rows: Array, unreadable: list[BadRow]) -> "Chunk":
        """Return some of the rows, (rows,) of bool, with other unreadable ones."""
        if rows.all():  # most often: nothing is copied
            return Chunk(self.columns, self.sources, self.given, unreadable)
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Chunk(columns, self.sources[rows], self.given, unreadable)


class Train(Protocol):
    """The training rows, as `fit` of a kind is given them.

    Attributes:
        rows: how many there are.
    """

    rows: int

    def map(self, function: Callable[[Columns], Result], *names: str) -> Iterator[Result]:
        """Yield what a function, one that can be pickled, returns for the named columns of each shard, in order.

        What comes of adding up the results hangs on the rows and on the length of the shards, and on nothing else.
        """


def objects(texts: list[str]) -> Array:
    """Return texts as (rows,) of str objects."""
    found = np.empty(len(texts), object)
    found[:] = texts
    return found


def only_unreadable(source: str, reason: str) -> Chunk:
    """Return a chunk of nothing but one row that could not be read."""
    return Chunk({}, np.empty(0, dtype=np.str_), None, [BadRow(source, reason)])
