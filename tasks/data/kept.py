"""Which of the good rows are kept: one of each content. Groups of blocks are looked through side by side."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.files import remove
from tasks.contracts.pool import Each, Result
from tasks.data import copies
from tasks.data.cleaning import LeftOut, left_out, sources_at
from tasks.data.copies import COPY, DIGESTED, Buckets
from tasks.data.records import Array, BadRow
from tasks.data.splits import RANKED
from tasks.data.staging import DIGEST, GIVEN, RANK, STRATA, STRATUM, Block, Staged

DIGESTS, COPIES, KEPT = "digests", "copies", "kept"
LEFT_OUT = "copies-{group:05d}.csv"
GROUP_ROWS = 1 << 18
COPIES_TOGETHER = 1 << 16  # their sources are in memory, and are looked up in one pass over the blocks

Group = tuple[int, range]  # its number, and those of its blocks


@dataclass(frozen=True)
class Kept:
    """The rows that are no copies.

    Attributes:
        folder: of files of them, each row one of RANKED.
        groups: of rows, each with a file, whose name is its number.
        rows: how many.
        strata: how many there are of these.
    """

    folder: Path
    groups: int
    rows: int
    strata: int

    @property
    def _files(self) -> list[Path]:
        return [_file(self.folder, group) for group in range(self.groups)]

    def records(self) -> Iterator[Array]:
        """Yield all of them in order, some at a time, (rows,) of RANKED."""
        return map(_read, self._files)

    def map(self, each: Each, function: Callable[[Array], Result]) -> Iterator[Result]:
        """Call a function, one that can be pickled, with each array of `records`."""
        return each(partial(_called, function), self._files)


def _file(folder: Path, group: int) -> Path:
    return folder / f"{group:05d}"


def _read(path: Path) -> Array:
    return np.fromfile(path, RANKED)


def _called(function: Callable[[Array], Result], path: Path) -> Result:
    return function(_read(path))


@dataclass(frozen=True)
class _Rows:
    """All good rows, and the numbers of their strata by the names of these."""

    staged: Staged
    strata: dict[Any, int]

    def strata_of(self, block: Block) -> Array:
        """Return the stratum of each row of a block, (rows,) of int64."""
        own = [self.strata[name] for name in block.unpickled(STRATA)]
        numbers: Array = np.array(own, np.int64)[np.asarray(block[STRATUM])]
        return numbers


def without_copies(each: Each, staged: Staged, take: Callable[[LeftOut], None]) -> Kept:
    """Leave out the copies of rows; `take` is given those of each group."""
    for name in (DIGESTS, COPIES, KEPT):
        (staged.folder / name).mkdir()
    rows, groups = _Rows(staged, _strata(staged)), list(enumerate(staged.groups(GROUP_ROWS)))
    digested = Buckets(staged.folder / DIGESTS, copies.buckets_for(staged.rows), DIGESTED)
    for _ in each(partial(_digest, rows, digested), groups):
        pass
    found = Buckets(staged.folder / COPIES, len(groups), COPY)
    firsts, written = [staged.start(blocks[0]) for _, blocks in groups], list[int]()
    for number, pairs in enumerate(each(partial(_copies_in, digested, len(groups)), range(digested.count))):
        if len(pairs):
            found.add(number, np.searchsorted(firsts, pairs["row"], side="right") - 1, pairs)
            written.append(number)
    remove(digested.folder)
    kept = 0
    for count, copied in each(partial(_keep, rows, found, written), groups):
        take(copied)
        kept += count
    return Kept(staged.folder / KEPT, len(groups), kept, len(rows.strata))


def _strata(staged: Staged) -> dict[Any, int]:
    strata = dict[Any, int]()
    for number in range(len(staged)):
        for name in Block(staged.path(number)).unpickled(STRATA):
            strata.setdefault(name, len(strata))
    return strata


def _digest(rows: _Rows, digested: Buckets, group: Group) -> None:
    number, blocks = group
    found = np.concatenate([_digested(rows, block) for block in blocks])
    digested.add(number, copies.bucket_of(found["high"], digested.count), found)


def _digested(rows: _Rows, number: int) -> Array:
    block, start = Block(rows.staged.path(number)), rows.staged.start(number)
    given = np.asarray(block[GIVEN])
    numbers = np.arange(start, start + len(given))
    return copies.digested(np.asarray(block[DIGEST]), numbers, rows.strata_of(block), given)


def _copies_in(digested: Buckets, groups: int, number: int) -> Array:
    return copies.copies(digested.of(number, range(groups)))


def _keep(rows: _Rows, found: Buckets, written: list[int], group: Group) -> tuple[int, LeftOut]:
    """Write down the rows of a group that are no copies, which are counted, and those that are."""
    (number, blocks), staged = group, rows.staged
    pairs = np.sort(found.of(number, written), order="row")
    ends = [staged.start(block) for block in blocks[1:]]
    of_blocks = list(zip(blocks, np.split(pairs, np.searchsorted(pairs["row"], ends)), strict=True))
    records = np.concatenate([_no_copies(rows, block, here) for block, here in of_blocks])
    with _file(staged.folder / KEPT, number).open("wb") as file:  # tofile() does not say that the disk is full
        file.write(records.data)
    parts = np.split(pairs, range(COPIES_TOGETHER, len(pairs), COPIES_TOGETHER))
    copied = chain.from_iterable(_copies_with_reasons(staged, part) for part in parts)
    return len(records), left_out(staged.folder / LEFT_OUT.format(group=number), copied)


def _no_copies(rows: _Rows, number: int, pairs: Array) -> Array:
    """Return the rows of a block that are kept, (rows,) of RANKED."""
    block, start = Block(rows.staged.path(number)), rows.staged.start(number)
    given = np.asarray(block[GIVEN])
    records = np.zeros(len(given), RANKED)
    records["row"], records["given"], records["stratum"] = np.arange(len(given)) + start, given, rows.strata_of(block)
    if RANK in block:
        records["rank"] = block[RANK]
    keep = np.ones(len(records), bool)
    keep[pairs["row"] - start] = False
    return records[keep]


def _copies_with_reasons(staged: Staged, pairs: Array) -> Iterator[BadRow]:
    """Yield the copies among some rows for the quarantine; `pairs`, (copies,) of COPY, are in the order of rows."""
    rows = np.union1d(pairs["row"], pairs["first"])
    sources = dict(zip(rows.tolist(), _sources(staged, rows), strict=True))
    for row, first, another in pairs.tolist():
        reason = f"duplicate{' with another class' if another else ''}: of {sources[first]}"
        yield BadRow(sources[row], reason)


def _sources(staged: Staged, rows: Array) -> Iterator[str]:
    """Yield where each of some rows, which ascend, came from. The first rows may lie anywhere: each block is read."""
    for number, local in staged.within(rows):
        yield from sources_at(Block(staged.path(number)), local)
