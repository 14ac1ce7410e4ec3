"""Which of the good rows are kept: one of each content. Groups of blocks are looked through side by side."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.files import remove
from tasks.contracts.pool import Each, Result
from tasks.data import copies
from tasks.data.cleaning import BAD, Cleaned, left_out, sources_of
from tasks.data.copies import COPY, DIGESTED, Buckets
from tasks.data.records import Array, BadRow
from tasks.data.splits import RANKED
from tasks.data.staging import DIGEST, GIVEN, RANK, STRATA, STRATUM, Block, Staged

DIGESTS, COPIES, KEPT = "digests", "copies", "kept"
GROUP_ROWS = 1 << 18

Group = tuple[int, range]  # its number, and those of its blocks


@dataclass(frozen=True)
class Kept:
    """The rows that are no copies.

    Attributes:
        folder: of files of them, in the order of their names, each row one of RANKED.
        rows: how many.
        strata: how many there are of these.
    """

    folder: Path
    rows: int
    strata: int

    @property
    def _files(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    def records(self) -> Iterator[Array]:
        """Yield all of them in order, some at a time, (rows,) of RANKED."""
        return map(_read, self._files)

    def map(self, each: Each, function: Callable[[Array], Result]) -> Iterator[Result]:
        """Call a function, one that can be pickled, with each array of `records`."""
        return each(partial(_called, function), self._files)


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


def without_copies(each: Each, staged: Staged, take: Callable[[Path, Cleaned], None]) -> Kept:
    """Leave out the copies of rows; `take` is given a file of those of each group, and what is told of them."""
    for name in (DIGESTS, COPIES, KEPT):
        (staged.folder / name).mkdir()
    rows, groups = _Rows(staged, _strata(staged)), list(enumerate(staged.groups(GROUP_ROWS)))
    digested = Buckets(staged.folder / DIGESTS, copies.buckets_for(staged.rows), DIGESTED)
    for _ in each(partial(_digest, rows, digested), groups):
        pass
    found = Buckets(staged.folder / COPIES, len(groups), COPY)
    firsts = [staged.start(blocks[0]) for _, blocks in groups]
    for number, pairs in enumerate(each(partial(_copies_in, digested), range(digested.count))):
        if len(pairs):
            found.add(number, np.searchsorted(firsts, pairs["row"], side="right") - 1, pairs)
    remove(digested.folder)
    kept = 0
    for (number, _), told in zip(groups, each(partial(_keep, rows, found), groups), strict=True):
        take(staged.folder / BAD.format(part=number), told)
        kept += sum(told.blocks)
    return Kept(staged.folder / KEPT, kept, len(rows.strata))


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


def _copies_in(digested: Buckets, number: int) -> Array:
    return copies.copies(digested.of(number))


def _keep(rows: _Rows, found: Buckets, group: Group) -> Cleaned:
    """Write down the rows of a group that are no copies, and those that are."""
    (number, blocks), staged = group, rows.staged
    pairs, kept, bad = np.sort(found.of(number), order="row"), list[Array](), list[BadRow]()
    for each in blocks:
        block, start = Block(staged.path(each)), staged.start(each)
        records = _ranked(rows, block, start)
        here = pairs[slice(*np.searchsorted(pairs["row"], [start, start + len(records)]))]
        keep = np.ones(len(records), bool)
        keep[here["row"] - start] = False
        kept.append(records[keep])
        bad += _told(staged, block, start, here)
    records = np.concatenate(kept)
    records.tofile(staged.folder / KEPT / f"{number:05d}")
    return left_out(staged.folder / BAD.format(part=number), [len(records)], bad)


def _ranked(rows: _Rows, block: Block, start: int) -> Array:
    given = np.asarray(block[GIVEN])
    records = np.zeros(len(given), RANKED)
    records["row"], records["given"], records["stratum"] = np.arange(len(given)) + start, given, rows.strata_of(block)
    if RANK in block:
        records["rank"] = block[RANK]
    return records


def _told(staged: Staged, block: Block, start: int, pairs: Array) -> Iterator[BadRow]:
    if not len(pairs):
        return
    own, firsts = sources_of(block), np.unique(pairs["first"])
    sources = dict[int, str]()
    for number, local in staged.within(firsts):
        told, first = sources_of(Block(staged.path(number))), staged.start(number)
        sources |= {first + place: told[place] for place in local.tolist()}
    for row, first, another in pairs.tolist():
        reason = f"duplicate{' with another class' if another else ''}: of {sources[first]}"
        yield BadRow(own[row - start], reason)
