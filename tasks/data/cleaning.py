"""One part of the raw files, cleaned: its good rows in blocks on disk, its bad ones in a file. It may run anywhere."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.preprocessing import Preprocess
from tasks.data import splits
from tasks.data.records import Array, BadRow, Chunk, Columns, Places
from tasks.data.staging import (
    DIGEST,
    GIVEN,
    RANK,
    SOURCES,
    STRATA,
    STRATUM,
    Block,
    block_name,
    pickled,
    write_block,
)

BAD = "bad-{part:07d}.csv"
SHOWN = 10


@dataclass(frozen=True)
class Cleaning:
    """What is the same for all parts.

    Attributes:
        kind: of work.
        params: the section `preprocess.<role>`.
        promised: the schema.
        folder: that the blocks are written to.
    """

    kind: str
    params: Preprocess
    promised: Any
    folder: Path


@dataclass(frozen=True)
class Cleaned:
    """What came of a part.

    Attributes:
        blocks: the number of rows of each.
        bad: how many rows were left out, by the kind of reason, in the order of reading.
        first_bad: the first of these.
    """

    blocks: list[int]
    bad: Counter[str]
    first_bad: list[BadRow] = field(default_factory=list)


def clean(told: Cleaning, numbered: tuple[int, Any]) -> Cleaned:
    """Clean a part, given with its number.

    Raises:
        DataError: the file is damaged.
        StageError: the disk has no room.
    """
    number, part = numbered
    reader = import_module(f"tasks.data.formats.{told.params.format}")
    module = import_module(f"tasks.kinds.{told.kind}.rows")
    blocks, bad = list[int](), list[BadRow]()
    for chunks in _filled(_good(reader.chunks(part, told.params), module, told, bad), told.params.shard_rows):
        path = told.folder / block_name(number, len(blocks))
        write_block(path, _columns(chunks, module, told.params))
        blocks.append(sum(map(len, chunks)))
    return left_out(told.folder / BAD.format(part=number), blocks, bad)


def left_out(path: Path, blocks: list[int], bad: list[BadRow]) -> Cleaned:
    """Write the rows that are left out into a file, and tell of them and of the blocks of the others."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows((row.source, row.reason) for row in bad)
    return Cleaned(blocks, Counter(row.reason.split(":")[0] for row in bad), bad[:SHOWN])


def sources_of(block: Block) -> list[str]:
    """Return where each row of a block came from."""
    return list(chain.from_iterable(block.unpickled(SOURCES)))


def _good(chunks: Iterator[Chunk], module: Any, told: Cleaning, bad: list[BadRow]) -> Iterator[Chunk]:
    for chunk in chunks:
        good, wrong = module.good_rows(chunk, told.promised, told.params)
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


def _columns(chunks: list[Chunk], module: Any, params: Preprocess) -> Columns:
    """Return the values of some rows, and what their copies and their splits are found by."""
    values = {name: _joined([chunk.columns[name] for chunk in chunks]) for name in chunks[0].columns}
    digests = _joined([module.contents(chunk) for chunk in chunks])
    names, strata = np.unique(module.strata(values), return_inverse=True)
    given = [np.full(len(chunk), splits.GIVEN.index(chunk.given or ""), np.uint8) for chunk in chunks]
    sources = [chunk.sources if isinstance(chunk.sources, Places) else chunk.sources.tolist() for chunk in chunks]
    found = {DIGEST: digests, STRATUM: strata.astype(np.int32), GIVEN: _joined(given)}
    if not hasattr(module, "arranged"):
        found[RANK] = splits.keyed(digests, params.split.seed)
    return {**values, **found, STRATA: pickled(names.tolist()), SOURCES: pickled(sources)}


def _joined(values: list[Array]) -> Array:
    return np.concatenate(values) if len(values) > 1 else values[0]
