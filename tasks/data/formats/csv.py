"""Comma-separated values in UTF-8, gzipped or not, quoted where they hold commas, quotes or line ends (RFC 4180)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from tasks.contracts.records import Records
from tasks.data.records import BadRow, Chunk
from tasks.data.records_reading import Numbered, files_of, lines_of, refused, tables


def read(folder: Path, params: Records) -> Iterator[Chunk]:
    """Yield the rows of every file; one with another number of cells, or with a quote inside a cell, is unreadable.

    Raises:
        DataError: there is no file, one is not UTF-8, lacks a column, or has a quote that is never closed.
    """
    for path in files_of(folder, params, (".csv", ".csv.gz")):
        yield from tables(path, _rows(path), params)


def _rows(path: Path) -> Iterator[Numbered]:
    reader = csv.reader(lines_of(path), strict=True)
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            source = f"{path.name}:{first}"
            if "field limit" in str(error) or "end of data" in str(error):
                got = f"a quote that is opened here and not closed within {csv.field_size_limit():,} characters"
                raise refused(source, got, "every quote closed") from None
            yield first, BadRow(source, f"unreadable: {error}")
            continue
        if cells is None:
            return
        if cells:
            yield first, cells
