"""Comma-separated values in UTF-8, gzipped or not, quoted where they hold commas, quotes or line ends (RFC 4180)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import csv as arrow_csv

from tasks.core.params.data import Records, Tables
from tasks.data.records import Array, BadRow, Chunk, Columns, Places
from tasks.data.tables import MISSING_SPELLINGS, are_believable, texts_of
from tasks.data.text_records import (
    FileChunk,
    Numbered,
    files_of,
    given_by,
    lines_of,
    parts_of,
    places_of,
    refused,
    tables,
)

APART = (b'"', b"\0")  # signs that the two readers may take for something else
BLOCK_BYTES = 1 << 24
MAX_CELL = 1 << 17  # bytes; the slow reader refuses more
NEWLINE, RETURN = b"\n\r"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read(part: FileChunk, params: Tables) -> Chunk | None:
    """Return all rows of a part, the numeric roles as float64 with NaN for missing, the others as texts.

    Where a number cannot be read, all are texts. None where the part has to be read line by line: something is amiss
    with it, such as quotes, a row of another length, or bytes that are not UTF-8.

    Raises:
        DataError: a column is not there.
    """
    if part.stop is None:
        return None
    with part.path.open("rb") as file:
        file.seek(part.start)
        content = file.read(part.stop - part.start)
    if part.first == 1:
        content = content.removeprefix(BYTE_ORDER_MARK)
    numbers = _line_numbers(content, part.first)
    if numbers is None or not len(numbers):
        return None
    width = part.width or content.partition(b"\n")[0].count(b",") + 1
    positions = dict(zip(params.columns, places_of(part.path, params, part.names or width), strict=True))
    columns = _columns(content, positions, width, params.numeric) or _columns(content, positions, width, [])
    if columns is None or len(columns[params.target]) != len(numbers):
        return None
    return Chunk(columns, Places(part.path.name, numbers), given_by(part.path))


def _line_numbers(content: bytes, first: int) -> Array | None:
    """Return the numbers of the lines that are not empty, (rows,) of int64; None where the slow reader is needed."""
    if any(sign in content for sign in APART):
        return None
    if b"\r" in content and content.count(b"\r") > content.count(b"\r\n"):
        return None
    try:
        if not content.isascii():
            content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    signs = np.frombuffer(content if content.endswith(b"\n") else content + b"\n", np.uint8)
    ends = np.flatnonzero(signs == NEWLINE)
    starts = np.append(0, ends[:-1] + 1)
    lengths = ends - starts
    lengths -= (lengths > 0) & (signs[ends - 1] == RETURN)
    return None if lengths.max(initial=0) > MAX_CELL else np.flatnonzero(lengths) + first


def _columns(content: bytes, positions: dict[str, int], width: int, numeric: list[str]) -> Columns | None:
    """Return a column for each role; None where a row is of another length or a number cannot be read."""
    names = [str(position) for position in range(width)]
    types = {
        str(position): pyarrow.float64() if role in numeric else pyarrow.string()
        for role, position in positions.items()
    }
    try:
        table = arrow_csv.read_csv(
            pyarrow.BufferReader(content),
            arrow_csv.ReadOptions(use_threads=False, block_size=min(len(content) + 1, BLOCK_BYTES), column_names=names),
            arrow_csv.ParseOptions(quote_char=False),
            arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=MISSING_SPELLINGS,
                strings_can_be_null=False,
            ),
        )
    except pyarrow.ArrowInvalid:
        return None
    columns = {role: table.column(str(position)) for role, position in positions.items()}
    found: Columns = {role: columns[role].to_numpy() for role in numeric}
    if not all(are_believable(values, columns[role].null_count) for role, values in found.items()):
        return None
    return found | {role: texts_of(column) for role, column in columns.items() if role not in numeric}


def parts(folder: Path, params: Records) -> Iterator[FileChunk]:
    """Yield what can be read by itself; see `tasks.data.text_records.split_file`.

    Raises:
        DataError: there is no file, or a header cannot be read.
    """
    for path in files_of(folder, params, (".csv", ".csv.gz")):
        yield from parts_of(path, params, _rows, quoted=True)


def chunks(part: FileChunk, params: Records) -> Iterator[Chunk]:
    """Yield the rows of a part; one with another number of cells, or with a quote inside a cell, is unreadable.

    Raises:
        DataError: the part is not UTF-8, lacks a column, or has a quote that is never closed.
    """
    fast = read(part, params) if isinstance(params, Tables) else None
    if fast is None:
        yield from tables(part, _rows(part, lines_of(part)), params)
    else:
        yield fast


def _rows(part: FileChunk, lines: Iterator[str]) -> Iterator[Numbered]:
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
