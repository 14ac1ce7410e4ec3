"""Cleaning of the raw files: good rows go to blocks on disk, bad rows to the quarantine with a reason."""

import csv
import mmap
import pickle
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import DataError
from tasks.core.files import require_free_space
from tasks.core.params.data import Preprocess
from tasks.data import account, rules, splits
from tasks.data.columns import Texts, encode_texts
from tasks.data.records import Array, BadRow, Chunk, Columns, Places, Reasons
from tasks.data.schema import AnyKindData, Schema
from tasks.data.split_keys import with_keys

ALIGNMENT = 64
ENDS = ".ends"
INDEX, MORE = "index.npy", ".more"
HIDDEN = "."  # what is known of a row and is no value of it has a name that begins so
DIGEST, GIVEN, RANK, STRATUM, STRATA, SOURCES = (
    HIDDEN + name for name in ("digest", "given", "rank", "stratum", "strata", "sources")
)
ROWS = HIDDEN + "rows"


def write_block(path: Path, columns: Columns) -> None:
    """Write columns of some rows into one file; those of texts are (rows,) of str objects.

    Raises:
        StageError: the disk has no room.
    """
    arrays: Columns = {}
    for name, values in columns.items():
        if values.dtype == object:
            arrays[name], arrays[name + ENDS] = encode_texts(values)
        else:
            arrays[name] = np.ascontiguousarray(values)
    needed = sum(values.nbytes for values in arrays.values())
    require_free_space(path, 2 * needed)  # here, and in the shards that are written before it is removed
    places = dict[str, tuple[int, str, tuple[int, ...]]]()
    with path.open("wb") as file:
        for name, values in arrays.items():
            file.write(bytes(-file.tell() % ALIGNMENT))
            places[name] = file.tell(), values.dtype.str, values.shape
            file.write(values.reshape(-1).view(np.uint8).data)
        directory = pickle.dumps(places)
        file.write(directory + len(directory).to_bytes(8, "little"))


class Block:
    """The rows of one file, read through a memory map."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:  # np.memmap does the same in four times the time
            self._content = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        length = int.from_bytes(self._content[-8:].tobytes(), "little")
        self._places = pickle.loads(self._content[-8 - length : -8].tobytes())

    def __contains__(self, name: str) -> bool:
        return name in self._places

    @property
    def names(self) -> list[str]:
        """The columns of values."""
        return [name for name in self._places if not name.startswith(HIDDEN) and not name.endswith(ENDS)]

    def __getitem__(self, name: str) -> "Array | Texts":
        if name + ENDS in self._places:
            return Texts(self._array(name), self._array(name + ENDS))
        return self._array(name)

    def unpickled(self, name: str) -> Any:
        """Return an object that was written by `pickled`."""
        return pickle.loads(self._array(name).tobytes())

    def _array(self, name: str) -> Array:
        start, dtype, shape = self._places[name]
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        array: Array = self._content[start : start + size].view(dtype).reshape(shape)
        return array


def pickled(value: Any) -> Array:
    """Return an object as an array of bytes."""
    return np.frombuffer(pickle.dumps(value), np.uint8)


class Staged:
    """All good rows, by their numbers in the order of reading, in the blocks below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def index(self, blocks: list[tuple[int, int, int]]) -> None:
        """Name the blocks in their order: of each the number of its part, its own in it, and its rows."""
        np.save(self.folder / INDEX, np.array(blocks, np.int64).reshape(-1, 3))

    @cached_property
    def _index(self) -> Array:
        index: Array = np.load(self.folder / INDEX)
        return index

    @cached_property
    def _ends(self) -> Array:
        return np.cumsum(self._index[:, 2])

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def __len__(self) -> int:
        return len(self._index)

    def groups(self, rows: int) -> Iterator[range]:
        """Yield all blocks in groups that have at least so many rows, but for the last."""
        first = 0
        for number, end in enumerate(self._ends.tolist(), start=1):
            if end - self.start(first) >= rows or number == len(self):
                yield range(first, number)
                first = number

    def start(self, number: int) -> int:
        """Return the number of the first row of a block."""
        return int(self._ends[number] - self._index[number, 2])

    def path(self, number: int) -> Path:
        """Return the file of a block."""
        return self.folder / block_name(*self._index[number, :2].tolist())

    def within(self, rows: Array) -> Iterator[tuple[int, Array]]:
        """Yield each block that has some of the rows, which ascend, and the numbers of these in it."""
        for number in np.unique(np.searchsorted(self._ends, rows, side="right")).tolist():
            start = self.start(number)
            low, high = np.searchsorted(rows, [start, self._ends[number]])
            yield number, rows[low:high] - start

    def take(self, rows: Array, names: tuple[str, ...] | None = None) -> Columns:
        """Return the given rows, which ascend, of all columns of values, or of some columns."""
        found: dict[str, list[Array]] = {}
        for number, local in self.within(rows):
            block, more = Block(self.path(number)), self.path(number).with_suffix(MORE)
            sources = [(block, local)]
            if more.is_file():
                joined = Block(more)
                sources.append((joined, np.searchsorted(np.asarray(joined[ROWS]), local)))
            for source, places in sources:
                for name in source.names if names is None else (name for name in names if name in source):
                    found.setdefault(name, []).append(source[name][places])
        return {name: np.concatenate(values) if len(values) > 1 else values[0] for name, values in found.items()}

    def remove_ended(self, start: int, stop: int) -> None:
        """Remove the blocks that end after the row `start`, and at `stop` at the latest."""
        for number in range(*np.searchsorted(self._ends, [start, stop], side="right").tolist()):
            path = self.path(number)
            path.unlink()
            path.with_suffix(MORE).unlink(missing_ok=True)

    def join(self, rows: Array, columns: Columns) -> None:
        """Add columns that are known of the given rows, which ascend, alone; no others are taken from now on."""
        done = 0
        for number, local in self.within(rows) if columns else ():
            part = slice(done, done + len(local))
            values = {name: each[part] for name, each in columns.items()}
            write_block(self.path(number).with_suffix(MORE), {ROWS: local, **values})
            done += len(local)


def block_name(part: int, number: int) -> str:
    """Return the name of the file of a block, from the number of its part and its own in it."""
    return f"{part:07d}-{number:05d}.rows"


BAD = "bad-{part:07d}.csv"


@dataclass(frozen=True)
class Cleaning:
    """What is the same for all parts.

    Attributes:
        kind: of work: what a good row is.
        params: the section `preprocess.<role>`.
        promised: the schema.
        folder: that the blocks are written to.
    """

    kind: AnyKindData
    params: Preprocess
    promised: Schema
    folder: Path


@dataclass(frozen=True)
class LeftOut:
    """Rows that were left out, which are in a file.

    Attributes:
        path: of the file.
        reasons: why, and some of them.
    """

    path: Path
    reasons: Reasons


@dataclass(frozen=True)
class Cleaned:
    """What became of a part.

    Attributes:
        blocks: how many good rows each of its blocks has.
        left_out: the bad rows.
        skipped: how many units of the file were read that are no rows, by what they are.
        notes: what was done to how many rows.
    """

    blocks: list[int]
    left_out: LeftOut
    skipped: Counter[str]
    notes: Counter[str]


def clean(task: Cleaning, numbered: tuple[int, Any]) -> Cleaned:
    """Clean a part, given with its number.

    Raises:
        DataError: the file is damaged.
        StageError: the disk has no room, or a row was lost.
    """
    number, part = numbered
    reader = import_module(f"tasks.data.formats.{task.params.format}")
    blocks, bad, skipped, notes = list[int](), list[BadRow](), Counter[str](), Counter[str]()
    read = _counted(reader.chunks(part, task.params), skipped, notes)
    for chunks in _filled(_good(read, task, bad), task.params.shard_rows):
        path = task.folder / block_name(number, len(blocks))
        write_block(path, _columns(chunks, task.kind, task.params))
        blocks.append(sum(map(len, chunks)))
    return Cleaned(blocks, left_out(task.folder / BAD.format(part=number), bad), skipped, notes)


def left_out(path: Path, bad: Iterable[BadRow]) -> LeftOut:
    """Write the rows that are left out into a file, one after the other."""
    reasons = Reasons()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in bad:
            writer.writerow((row.source, row.reason))
            reasons.add([row])
    return LeftOut(path, reasons)


def sources_of(block: Block) -> list[str]:
    """Return where each row of a block came from."""
    return list(chain.from_iterable(block.unpickled(SOURCES)))


def sources_at(block: Block, rows: Array) -> list[str]:
    """Return where some rows of a block came from; `rows`, (rows,) of int, are their numbers in it and ascend."""
    found, start = list[str](), 0
    for sources in block.unpickled(SOURCES):  # those of one chunk
        stop = start + len(sources)
        chosen = rows[slice(*np.searchsorted(rows, [start, stop]))] - start
        found += [sources[row] for row in chosen.tolist()]
        start = stop
    return found


def _counted(chunks: Iterator[Chunk], skipped: Counter[str], notes: Counter[str]) -> Iterator[Chunk]:
    for chunk in chunks:
        skipped.update(chunk.skipped)
        notes.update(chunk.notes)
        yield chunk


def _good(chunks: Iterator[Chunk], task: Cleaning, bad: list[BadRow]) -> Iterator[Chunk]:
    kept_rules = rules.rules_of(task.promised.rules, task.params)
    for chunk in chunks:
        allowed, breaking = rules.divided(chunk, kept_rules)
        good, wrong = task.kind.good_rows(allowed, task.promised, task.params)
        wrong = breaking + wrong
        account.require_all(chunk, good, wrong)
        if task.params.split.by in allowed.columns:
            good, more = with_keys(allowed, good, task.params.split)
            wrong = wrong + more
        bad += wrong
        if len(good):
            yield rules.with_keys(good, allowed, kept_rules)


def _filled(chunks: Iterator[Chunk], rows: int) -> Iterator[list[Chunk]]:
    """Put small chunks together, until they have so many rows."""
    waiting, count = list[Chunk](), 0
    for chunk in chunks:
        waiting.append(chunk)
        count += len(chunk)
        if count >= rows:
            yield waiting
            waiting, count = [], 0
    if waiting:
        yield waiting


def _columns(chunks: list[Chunk], kind: AnyKindData, params: Preprocess) -> Columns:
    """Return the values of some rows, and what their copies and their splits are found by."""
    values = {name: _joined([chunk.columns[name] for chunk in chunks]) for name in chunks[0].columns}
    digests = _joined([kind.content_digests(chunk) for chunk in chunks])
    names, strata = np.unique(kind.strata(values), return_inverse=True)
    given = [np.full(len(chunk), splits.GIVEN_SPLITS.index(chunk.given or ""), np.uint8) for chunk in chunks]
    sources = [chunk.sources if isinstance(chunk.sources, Places) else chunk.sources.tolist() for chunk in chunks]
    found = {DIGEST: digests, STRATUM: strata.astype(np.int32), GIVEN: _joined(given)}
    if not kind.split_columns:
        found[RANK] = splits.keyed(digests, params.split.seed)
    return {**values, **found, STRATA: pickled(names.tolist()), SOURCES: pickled(sources)}


def _joined(values: list[Array]) -> Array:
    return np.concatenate(values) if len(values) > 1 else values[0]


DUPLICATE = "duplicate"  # the reason of a row that says nothing new; one that contradicts another has more words


class Quarantine:
    """Takes bad rows in their order; a context manager that closes the file.

    Attributes:
        reasons: why they are bad.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self.reasons = Reasons()
        self._file.write(b"source,reason\n")

    def __enter__(self) -> "Quarantine":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def counts(self) -> Counter[str]:
        """How many rows there are, by the kind of reason."""
        return self.reasons.counts

    def take(self, rows: LeftOut) -> None:
        """Add rows, and remove the file that they are in."""
        with rows.path.open("rb") as file:
            shutil.copyfileobj(file, self._file)
        rows.path.unlink()
        self.reasons.merge(rows.reasons)

    def require_few(self, good: int, max_bad_fraction: float) -> None:
        """Refuse too many bad rows for this number of good ones. A row that only repeats another is not bad.

        Raises:
            DataError: they are more than the fraction of all.
        """
        bad = Reasons(
            Counter(self.counts), [row for row in self.reasons.first if row.reason.split(":")[0] != DUPLICATE]
        )
        repeated = bad.counts.pop(DUPLICATE, 0)
        total = good + repeated + bad.counts.total()
        if bad.counts.total() <= max_bad_fraction * total:
            return
        raise DataError(
            got=f"{bad.counts.total()} bad rows of {total} {bad}",
            expected=f"at most {max_bad_fraction:.2%} bad rows (preprocess.<role>.max_bad_fraction)",
            do="correct the data; if they are right and the schema is out of date: `trimline schema <role> --replace`",
        )
