"""Parquet files, read a batch of rows at a time; only the columns that have a role."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import compute, parquet

from tasks.contracts.records import Records
from tasks.data.records import Chunk
from tasks.data.records_reading import Cells, chunk, files_of, missing_columns, refused

UNREADABLE = (pyarrow.ArrowException, OSError)


def read(folder: Path, params: Records) -> Iterator[Chunk]:
    """Yield the rows of every file; a row's number, from 1, stands for its line.

    Raises:
        DataError: there is no file, one is damaged, lacks a column, or a column holds lists.
    """
    for path in files_of(folder, params, (".parquet",)):
        try:
            with parquet.ParquetFile(path) as file:
                yield from _chunks(path, file, params)
        except UNREADABLE as error:
            raise refused(path.name, str(error).splitlines()[0], "a Parquet file") from None


def _chunks(path: Path, file: Any, params: Records) -> Iterator[Chunk]:
    found, wanted = file.schema_arrow.names, params.columns.values()
    if absent := [name for name in wanted if (name not in found if isinstance(name, str) else name >= len(found))]:
        raise missing_columns(path, absent, found)
    names = {role: name if isinstance(name, str) else found[name] for role, name in params.columns.items()}
    first = 1
    for batch in file.iter_batches(params.shard_rows, columns=sorted(set(names.values()))):
        columns = {role: _texts(path, name, batch.column(name)) for role, name in names.items()}
        yield chunk(path, columns, list(range(first, first + batch.num_rows)), [])
        first += batch.num_rows


def _texts(path: Path, name: str, values: Any) -> Cells:
    """Return values as texts: numbers in their shortest form, missing ones empty."""
    if pyarrow.types.is_nested(values.type):
        raise refused(path.name, f"column {name!r} of {values.type}", "texts, numbers, dates or truth values")
    texts: Cells = compute.fill_null(compute.cast(values, pyarrow.string()), "").to_pylist()
    return texts
