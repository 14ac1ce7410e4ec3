"""Comma-separated values in UTF-8, gzipped or not, quoted where they hold commas, quotes or line ends (RFC 4180)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from tasks.contracts.records import Records
from tasks.contracts.tables import Tables
from tasks.data import csv_tables
from tasks.data.cells import Numbered, parts_of, tables
from tasks.data.line_parts import LinePart
from tasks.data.records import BadRow, Chunk
from tasks.data.records_reading import files_of, lines_of, refused


def parts(folder: Path, params: Records) -> Iterator[LinePart]:
    """Yield what can be read by itself; see `tasks.data.line_parts.cut`.

    Raises:
        DataError: there is no file, or a header cannot be read.
    """
    for path in files_of(folder, params, (".csv", ".csv.gz")):
        yield from parts_of(path, params, _rows, quoted=True)


def chunks(part: LinePart, params: Records) -> Iterator[Chunk]:
    """Yield the rows of a part; one with another number of cells, or with a quote inside a cell, is unreadable.

    Raises:
        DataError: the part is not UTF-8, lacks a column, or has a quote that is never closed.
    """
    fast = csv_tables.read(part, params) if isinstance(params, Tables) else None
    if fast is None:
        yield from tables(part, _rows(part, lines_of(part)), params)
    else:
        yield fast


def _rows(part: LinePart, lines: Iterator[str]) -> Iterator[Numbered]:
    reader = csv.reader(lines, strict=True)
    while True:
        first = part.first + reader.line_num
        try:
            cells = next(reader, None)
        except csv.Error as error:
            source = f"{part.path.name}:{first}"
            if "field limit" in str(error) or "end of data" in str(error):
                got = f"a quote that is opened here and not closed within {csv.field_size_limit():,} characters"
                raise refused(source, got, "every quote closed") from None
            yield first, BadRow(source, f"unreadable: {error}")
            continue
        if cells is None:
            return
        if cells:
            yield first, cells
