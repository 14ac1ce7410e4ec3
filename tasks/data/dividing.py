"""From all good rows to those of each split: copies are left out, the rest is divided. It holds few rows at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.pool import Each
from tasks.contracts.preprocessing import Split
from tasks.data import copies, splits
from tasks.data.cleaning import sources_of
from tasks.data.copies import COPY, DIGESTED, Buckets
from tasks.data.records import SPLITS, Array, BadRow, Columns, SplitName
from tasks.data.splits import RANKED
from tasks.data.staging import DIGEST, GIVEN, RANK, STRATA, STRATUM, Block, Staged

KEPT_FILE, ROWS_FILE = "kept", "{split}.rows"
AT_ONCE = 1 << 17  # records


@dataclass(frozen=True)
class Kept:
    """The rows that are no copies.

    Attributes:
        path: of a file of them, in their order, each one of RANKED.
        rows: how many.
        strata: how many there are of these.
    """

    path: Path
    rows: int
    strata: int

    def records(self) -> Iterator[Array]:
        """Yield all of them in order, some at a time, (rows,) of RANKED."""
        return _in_turn(self.path, RANKED, AT_ONCE)


def without_copies(each: Each, staged: Staged, noted: Callable[[BadRow], None]) -> Kept:
    """Leave out the copies of rows, and note each of them, in the order of the rows."""
    strata, path, kept = _Strata(), staged.folder / KEPT_FILE, 0
    with (
        _by_digest(staged, strata) as digested,
        Buckets(staged.folder / "copies", copies.buckets_for(staged.rows), COPY) as found,
        path.open("wb") as file,
    ):
        for pairs in each(copies.copies_in, [digested.written(number) for number in range(len(digested))]):
            found.add(pairs["row"] * len(found) // max(staged.rows, 1), pairs)
        pairs, taken = np.empty(0, COPY), 0
        for number in range(len(staged)):
            block, start = Block(staged.path(number)), staged.start(number)
            end = start + len(np.asarray(block[GIVEN]))
            while taken < len(found) and taken * staged.rows < end * len(found):
                pairs, taken = np.concatenate([pairs, np.sort(found[taken], order="row")]), taken + 1
            here, pairs = np.split(pairs, [np.searchsorted(pairs["row"], end)])
            keep = np.ones(end - start, bool)
            keep[here["row"] - start] = False
            file.write(_ranked(block, start, strata)[keep].tobytes())
            kept += int(keep.sum())
            _note(staged, block, start, here, noted)
    return Kept(path, kept, len(strata.numbers))


def by_content(staged: Staged, kept: Kept, split: Split, described: Columns) -> Iterator[Array]:
    """Divide rows that have nothing from one another; see `splits.assigned`. Yield codes for `kept.records()`.

    Args:
        staged: all good rows.
        kept: those of them that are no copies.
        split: see `splits.assigned`.
        described: columns beside the data, of all good rows, which are joined to those that are kept.
    """
    _join(staged, kept, described)
    return splits.assigned(kept.records, kept.strata, split)


def arranged(module: Any, staged: Staged, kept: Kept, split: Split, described: Columns) -> Iterator[Array]:
    """Divide rows that hang together, as their kind says, all in memory, and join what it adds to their columns.

    See `by_content`.
    """
    records = np.concatenate(list(kept.records()))
    columns = staged.take(records["row"], (*module.STRATA, DIGEST))
    given = np.array(splits.GIVEN)[records["given"]]
    found = module.arranged(columns, columns.pop(DIGEST), given, split)
    _join(staged, kept, described, found.columns)
    codes = np.select([found.splits == name for name in SPLITS], range(len(SPLITS))).astype(np.uint8)
    return (codes[start : start + AT_ONCE] for start in range(0, len(records), AT_ONCE))


def _join(staged: Staged, kept: Kept, described: Columns, added: Columns | None = None) -> None:
    if described or added:
        rows = np.concatenate([records["row"] for records in kept.records()])
        staged.join(rows, {**{name: values[rows] for name, values in described.items()}, **(added or {})})


@dataclass(frozen=True)
class Divided:
    """The rows of each split, in files of their numbers.

    Attributes:
        folder: that the files are in.
        rows: how many each split has.
    """

    folder: Path
    rows: dict[SplitName, int]

    def chosen(self, split: SplitName, start: int, stop: int) -> Array:
        """Return some of a split's rows by their numbers among all good rows, which ascend."""
        stop = min(stop, self.rows[split])
        return np.fromfile(self.folder / ROWS_FILE.format(split=split), "<i8", stop - start, offset=8 * start)


def divided(kept: Kept, codes: Iterator[Array]) -> Divided:
    """Write down the rows of each split, from the place in SPLITS of each row that is kept."""
    folder, counts = kept.path.parent, np.zeros(len(SPLITS), np.int64)
    files = [(folder / ROWS_FILE.format(split=split)).open("wb") for split in SPLITS]
    for records, places in zip(kept.records(), codes, strict=True):
        for place, file in enumerate(files):
            chosen = records["row"][places == place]
            file.write(chosen.tobytes())
            counts[place] += len(chosen)
    for file in files:
        file.close()
    return Divided(folder, dict(zip(SPLITS, counts.tolist(), strict=True)))


class _Strata:
    """The numbers of all strata, from the numbers that each block has for its own."""

    def __init__(self) -> None:
        self.numbers = dict[Any, int]()

    def of(self, block: Block) -> Array:
        """Return the stratum of each row of a block, (rows,) of int64."""
        own = [self.numbers.setdefault(name, len(self.numbers)) for name in block.unpickled(STRATA)]
        numbers: Array = np.array(own, np.int64)[np.asarray(block[STRATUM])]
        return numbers


def _by_digest(staged: Staged, strata: _Strata) -> Buckets:
    buckets = Buckets(staged.folder / "digests", copies.buckets_for(staged.rows), DIGESTED)
    for records in _together(_digested(staged, strata)):
        buckets.add(copies.bucket_of(records["high"], len(buckets)), records)
    return buckets


def _digested(staged: Staged, strata: _Strata) -> Iterator[Array]:
    for number in range(len(staged)):
        block, start = Block(staged.path(number)), staged.start(number)
        given = np.asarray(block[GIVEN])
        rows = np.arange(start, start + len(given))
        yield copies.digested(np.asarray(block[DIGEST]), rows, strata.of(block), given)


def _together(each: Iterator[Array]) -> Iterator[Array]:
    """Join arrays to some of at least AT_ONCE records, for what costs as much for few as for many."""
    waiting, count = list[Array](), 0
    for records in each:
        waiting.append(records)
        count += len(records)
        if count >= AT_ONCE:
            yield np.concatenate(waiting)
            waiting, count = [], 0
    if waiting:
        yield np.concatenate(waiting)


def _ranked(block: Block, start: int, strata: _Strata) -> Array:
    given = np.asarray(block[GIVEN])
    records = np.zeros(len(given), RANKED)
    records["row"], records["given"], records["stratum"] = np.arange(len(given)) + start, given, strata.of(block)
    if RANK in block:
        records["rank"] = block[RANK]
    return records


def _note(staged: Staged, block: Block, start: int, pairs: Array, noted: Callable[[BadRow], None]) -> None:
    if not len(pairs):
        return
    own, firsts = sources_of(block), np.unique(pairs["first"])
    sources = dict[int, str]()
    for number, local in staged.within(firsts):
        told, first = sources_of(Block(staged.path(number))), staged.start(number)
        sources |= {first + place: told[place] for place in local.tolist()}
    for row, first, another in pairs.tolist():
        reason = f"duplicate{' with another class' if another else ''}: of {sources[first]}"
        noted(BadRow(own[row - start], reason))


def _in_turn(path: Path, dtype: np.dtype[np.void], count: int) -> Iterator[Array]:
    with path.open("rb") as file:
        while len(records := np.fromfile(file, dtype, count)):
            yield records
