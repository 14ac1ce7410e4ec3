"""Cleaning a part of the raw files: good rows go to blocks on disk, bad rows to the quarantine with a reason."""

import csv
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import DataError
from tasks.core.params.data import Preprocess
from tasks.data import splits
from tasks.data.kind_data import AnyKindData
from tasks.data.records import Array, BadRow, Chunk, Columns, Places
from tasks.data.schema import Schema
from tasks.data.staging import DIGEST, GIVEN, RANK, SOURCES, STRATA, STRATUM, Block, block_name, pickled, write_block

BAD = "bad-{part:07d}.csv"
SHOWN = 10


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
        counts: by the kind of reason, in the order of reading.
        first: some of them.
    """

    path: Path
    counts: Counter[str]
    first: list[BadRow]


def clean(task: Cleaning, numbered: tuple[int, Any]) -> tuple[list[int], LeftOut]:
    """Clean a part, given with its number; return how many rows each of its blocks has, and what was left out.

    Raises:
        DataError: the file is damaged.
        StageError: the disk has no room.
    """
    number, part = numbered
    reader = import_module(f"tasks.data.formats.{task.params.format}")
    blocks, bad = list[int](), list[BadRow]()
    for chunks in _filled(_good(reader.chunks(part, task.params), task, bad), task.params.shard_rows):
        path = task.folder / block_name(number, len(blocks))
        write_block(path, _columns(chunks, task.kind, task.params))
        blocks.append(sum(map(len, chunks)))
    return blocks, left_out(task.folder / BAD.format(part=number), bad)


def left_out(path: Path, bad: Iterable[BadRow]) -> LeftOut:
    """Write the rows that are left out into a file, one after the other."""
    counts, first = Counter[str](), list[BadRow]()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in bad:
            writer.writerow((row.source, row.reason))
            counts[row.reason.split(":")[0]] += 1
            if len(first) < SHOWN:
                first.append(row)
    return LeftOut(path, counts, first)


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


def _good(chunks: Iterator[Chunk], task: Cleaning, bad: list[BadRow]) -> Iterator[Chunk]:
    for chunk in chunks:
        good, wrong = task.kind.good_rows(chunk, task.promised, task.params)
        bad += wrong
        if len(good):
            yield good


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


class Quarantine:
    """Takes bad rows in their order; a context manager that closes the file.

    Attributes:
        counts: of the kinds of reasons.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self.counts = Counter[str]()
        self._first = list[BadRow]()
        self._file.write(b"source,reason\n")

    def __enter__(self) -> "Quarantine":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def take(self, rows: LeftOut) -> None:
        """Add rows, and remove the file that they are in."""
        with rows.path.open("rb") as file:
            shutil.copyfileobj(file, self._file)
        rows.path.unlink()
        self.counts.update(rows.counts)
        self._first += rows.first[: SHOWN - len(self._first)]

    def require_few(self, kept: int, max_bad_fraction: float) -> None:
        """Refuse too many bad rows beside so many that are kept.

        Raises:
            DataError: they are more than the fraction of all.
        """
        bad = self.counts.total()
        total = kept + bad
        if bad <= max_bad_fraction * total:
            return
        counts = ", ".join(f"{count} {reason}" for reason, count in self.counts.most_common())
        first = "\n  ".join(f"{row.source}: {row.reason}" for row in self._first)
        raise DataError(
            got=f"{bad} bad rows of {total} ({counts}), the first of them:\n  {first}",
            expected=f"at most {max_bad_fraction:.2%} bad rows (preprocess.<role>.max_bad_fraction)",
            do="mend the data; where they are right and the promise is old: `trimline schema <role> --replace`",
        )
