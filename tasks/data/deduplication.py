"""De-duplication: of rows with equal content the first stays, for more rows than memory holds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.files import remove
from tasks.core.processes import Each, Result
from tasks.data.cleaning import (
    DIGEST,
    DUPLICATE,
    GIVEN,
    RANK,
    STRATA,
    STRATUM,
    Block,
    LeftOut,
    Staged,
    left_out,
    sources_at,
)
from tasks.data.records import Array, BadRow
from tasks.data.rules import KEY, NO_KEY, Rule, any_unique
from tasks.data.splits import GIVEN_SPLITS, RANKED

# A row and what copies are found by; the digest is in two halves, which are compared faster than bytes are.
DIGESTED = np.dtype([("high", "<u8"), ("low", "<u8"), ("row", "<i8"), ("stratum", "<i4"), ("given", "u1")], align=True)
# A duplicate, the row that stays instead, and whether that has another stratum, or was given another split.
COPY = np.dtype([("row", "<i8"), ("first", "<i8"), ("another", "?"), ("across", "?")])
PREFERENCE = np.array([{"test": 0, "validation": 1}.get(name, 2) for name in GIVEN_SPLITS], np.uint8)
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


def digest_rows(digests: Array, rows: Array, strata: Array, given: Array) -> Array:
    """Return (rows,) of DIGESTED for digests of 16 bytes, (rows,) of void, and what else stands there."""
    found = np.zeros(len(rows), DIGESTED)
    halves = np.ascontiguousarray(digests).view("<u8").reshape(-1, 2)
    found["high"], found["low"], found["row"], found["stratum"], found["given"] = *halves.T, rows, strata, given
    return found


def find_duplicates(rows: Array) -> Array:
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
    found["across"] = (alike["given"] != first["given"])[~is_first]
    return found


DIGESTS, COPIES, UNIQUE = "digests", "copies", "kept"
LEFT_OUT = "copies-{group:05d}.csv"
GROUP_ROWS = 1 << 18
COPIES_TOGETHER = 1 << 16  # their sources are in memory, and are looked up in one pass over the blocks

Group = tuple[int, range]  # its number, and those of its blocks


@dataclass(frozen=True)
class Deduplicated:
    """The rows that are no copies.

    Attributes:
        folder: of files of them, each row one of RANKED.
        groups: of rows, each with a file, whose name is its number.
        rows: how many.
        strata: how many there are of these.
        repeated: how many of the rows equal another one, which are kept.
    """

    folder: Path
    groups: int
    rows: int
    strata: int
    repeated: int = 0

    def without(self, rows: Array) -> "Deduplicated":
        """Leave out more rows, given by their numbers, (left out,) of int."""
        for path in self._files:
            records = _read(path)
            with path.open("wb") as file:
                file.write(records[~np.isin(records["row"], rows)].data)
        return replace(self, rows=self.rows - len(rows))

    @property
    def _files(self) -> list[Path]:
        return [_file(self.folder, group) for group in range(self.groups)]

    def records(self) -> Iterator[Array]:
        """Yield all of them in order, some at a time, (rows,) of RANKED."""
        return map(_read, self._files)

    def ranked(self, ranks: Array) -> "Deduplicated":
        """Give all rows other ranks, (good rows,) of uint64, in a single stratum."""
        for path in self._files:
            records = _read(path)
            records["rank"], records["stratum"] = ranks[records["row"]], 0
            path.write_bytes(records.tobytes())
        return replace(self, strata=1)

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


def drop_duplicates(each: Each, staged: Staged, take: Callable[[LeftOut], None], keep: bool = False) -> Deduplicated:
    """Leave out the copies of rows; `take` is given those of each group.

    Where `keep` is set, a copy is left out only if the source puts it into another split than the row that it equals:
    a row of the test may not train.
    """
    for name in (DIGESTS, COPIES, UNIQUE):
        (staged.folder / name).mkdir()
    rows, groups = _Rows(staged, _strata(staged)), list(enumerate(staged.groups(GROUP_ROWS)))
    digested = Buckets(staged.folder / DIGESTS, buckets_for(staged.rows), DIGESTED)
    for _ in each(partial(_digest, rows, digested), groups):
        pass
    found = Buckets(staged.folder / COPIES, len(groups), COPY)
    firsts, written, repeated = [staged.start(blocks[0]) for _, blocks in groups], list[int](), 0
    for number, copies in enumerate(each(partial(_duplicates_in, digested, len(groups)), range(digested.count))):
        pairs = copies[copies["across"]] if keep else copies
        repeated += len(copies) - len(pairs)
        if len(pairs):
            found.add(number, np.searchsorted(firsts, pairs["row"], side="right") - 1, pairs)
            written.append(number)
    remove(digested.folder)
    num_unique = 0
    for count, copied in each(partial(_keep, rows, found, written), groups):
        take(copied)
        num_unique += count
    return Deduplicated(staged.folder / UNIQUE, len(groups), num_unique, len(rows.strata), repeated)


def _strata(staged: Staged) -> dict[Any, int]:
    strata = dict[Any, int]()
    for number in range(len(staged)):
        for name in Block(staged.path(number)).unpickled(STRATA):
            strata.setdefault(name, len(strata))
    return strata


def _digest(rows: _Rows, digested: Buckets, group: Group) -> None:
    number, blocks = group
    found = np.concatenate([_digested(rows, block) for block in blocks])
    digested.add(number, bucket_of(found["high"], digested.count), found)


def _digested(rows: _Rows, number: int) -> Array:
    block, start = Block(rows.staged.path(number)), rows.staged.start(number)
    given = np.asarray(block[GIVEN])
    numbers = np.arange(start, start + len(given))
    return digest_rows(np.asarray(block[DIGEST]), numbers, rows.strata_of(block), given)


def _duplicates_in(digested: Buckets, groups: int, number: int) -> Array:
    return find_duplicates(digested.of(number, range(groups)))


def _keep(rows: _Rows, found: Buckets, written: list[int], group: Group) -> tuple[int, LeftOut]:
    """Write down the rows of a group that are no copies, which are counted, and those that are."""
    (number, blocks), staged = group, rows.staged
    pairs = np.sort(found.of(number, written), order="row")
    ends = [staged.start(block) for block in blocks[1:]]
    of_blocks = list(zip(blocks, np.split(pairs, np.searchsorted(pairs["row"], ends)), strict=True))
    records = np.concatenate([_unique_rows(rows, block, here) for block, here in of_blocks])
    with _file(staged.folder / UNIQUE, number).open("wb") as file:  # tofile() does not say that the disk is full
        file.write(records.data)
    parts = np.split(pairs, range(COPIES_TOGETHER, len(pairs), COPIES_TOGETHER))
    copied = chain.from_iterable(_copies_with_reasons(staged, part) for part in parts)
    return len(records), left_out(staged.folder / LEFT_OUT.format(group=number), copied)


def _unique_rows(rows: _Rows, number: int, pairs: Array) -> Array:
    """Return the unique rows of a block, (rows,) of RANKED."""
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
    sources = dict(zip(rows.tolist(), sources_in(staged, rows), strict=True))
    for row, first, another, _ in pairs.tolist():
        reason = f"{DUPLICATE}{' with another class' if another else ''}: of {sources[first]}"
        yield BadRow(sources[row], reason)


def sources_in(staged: Staged, rows: Array) -> Iterator[str]:
    """Yield where each of some rows, which ascend, came from. The first rows may lie anywhere: each block is read."""
    for number, local in staged.within(rows):
        yield from sources_at(Block(staged.path(number)), local)


REPEATS = "repeats.csv"


def drop_repeats(
    staged: Staged, unique: Deduplicated, rules: list[Rule], take: Callable[[LeftOut], None]
) -> Deduplicated:
    """Leave out the rows that repeat what a rule says is unique; the first stays. All keys are in memory."""
    if not any_unique(rules):
        return unique
    rows, reasons = np.concatenate([records["row"] for records in unique.records()]), dict[int, str]()
    for number, rule in enumerate(rules):
        if rule.breaks is None:
            name = KEY.format(number=number)
            for row, first in _repeats(staged.take(rows, (name,))[name]).tolist():
                reasons.setdefault(int(rows[row]), f"breaks the rule {rule.text}: as in {_source(staged, rows[first])}")
    dropped = np.array(sorted(reasons), np.int64)
    bad = map(BadRow, sources_in(staged, dropped), [reasons[row] for row in dropped.tolist()])
    take(left_out(staged.folder / REPEATS, bad))
    return unique.without(dropped)


def _repeats(keys: Array) -> Array:
    """Return which rows have the key of one before them, and the first that has it, (repeats, 2) of int."""
    _, firsts, inverse = np.unique(keys, return_index=True, return_inverse=True)
    first = firsts[inverse]
    repeats = np.flatnonzero((first != np.arange(len(keys))) & (keys != NO_KEY))
    return np.column_stack([repeats, first[repeats]])


def _source(staged: Staged, row: int) -> str:
    return next(sources_in(staged, np.array([row])))
