"""Parquet files, read a batch of rows at a time; only the columns that have a role."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from pyarrow import compute, parquet

from tasks.core.params.data import Records, Tables
from tasks.data.names import name_of
from tasks.data.records import Array, Chunk, Places
from tasks.data.tables import are_believable, texts_of
from tasks.data.text_lines import refused
from tasks.data.text_records import files_of, given_by, require_columns

UNIT = "rows"
UNREADABLE = (pyarrow.ArrowException, OSError)


@dataclass(frozen=True)
class RowGroup:
    """A group of rows of a file.

    Attributes:
        path: of the file.
        number: of the group, from 0.
        first: number of its first row in the file, from 1.
    """

    path: Path
    number: int
    first: int


def files(folder: Path, params: Records) -> list[Path]:
    """Return the files of the format.

    Raises:
        DataError: there is none.
    """
    return files_of(folder, params, (".parquet",))


def units(path: Path) -> int:
    """Count the rows that a file says it has.

    Raises:
        DataError: it is damaged.
    """
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def columns(folder: Path, params: Records) -> list[str]:
    """Return the names of the columns of the first file.

    Raises:
        DataError: there is no file, or it is damaged.
    """
    with _opened(files(folder, params)[0]) as file:
        return list(file.schema_arrow.names)


def parts(folder: Path, params: Records) -> Iterator[RowGroup]:
    """Yield what can be read by itself: the groups of rows that a file has.

    Raises:
        DataError: there is no file, or one is damaged.
    """
    for path in files(folder, params):
        first = 1
        with _opened(path) as file:
            for number in range(file.num_row_groups):
                yield RowGroup(path, number, first)
                first += file.metadata.row_group(number).num_rows


def chunks(part: RowGroup, params: Records) -> Iterator[Chunk]:
    """Yield the rows of a group; a row's number in the file, from 1, stands for its line.

    Raises:
        DataError: the file lacks a column, or a column holds lists.
    """
    with _opened(part.path) as file:
        yield from _chunks(part, file, params)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            yield file
    except UNREADABLE as error:
        raise refused(path.name, str(error).splitlines()[0], "a Parquet file") from None


def _chunks(part: RowGroup, file: Any, params: Records) -> Iterator[Chunk]:
    path, numeric = part.path, params.numbers if isinstance(params, Tables) else []
    found = file.schema_arrow.names
    named = {name_of(name): name for name in found}
    require_columns(path, params, list(named), len(found))
    names = {
        role: named[name_of(place)] if isinstance(place, str) else found[place]
        for role, place in params.columns.items()
    }
    first = part.first
    wanted = sorted(set(names.values()))
    for batch in file.iter_batches(params.shard_rows, row_groups=[part.number], columns=wanted, use_threads=False):
        columns = {role: _values(path, name, batch.column(name), role in numeric) for role, name in names.items()}
        sources = Places(path.name, np.arange(first, first + batch.num_rows))
        yield Chunk(columns, sources, given_by(path))
        first += batch.num_rows


def _values(path: Path, name: str, values: Any, as_numbers: bool) -> Array:
    """Return values as texts; numbers unchanged where they are wanted and equal their texts."""
    if pyarrow.types.is_nested(values.type):
        raise refused(path.name, f"column {name!r} of {values.type}", "texts, numbers, dates or truth values")
    if as_numbers and (pyarrow.types.is_float64(values.type) or pyarrow.types.is_integer(values.type)):
        found: Array = compute.cast(values, pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False)
        if are_believable(found, int(np.isnan(found).sum())):
            return found
    return texts_of(values)
