"""Comma-separated values, gzipped or not, quoted where they hold separators, quotes or line ends (RFC 4180).

A row that cannot be read is named with its first line, and the next line begins a new row: a quote that is not closed
as it should be costs one line, not all up to the next quote.
"""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import csv as arrow_csv

from tasks.core.params.data import Records, Tables
from tasks.data.records import Array, BadRow, Chunk, Columns, Places
from tasks.data.tables import MISSING_SPELLINGS, are_believable, texts_of
from tasks.data.text_lines import FileChunk, count_lines, lines_of
from tasks.data.text_records import (
    EMPTY,
    HEADER,
    Row,
    columns_of,
    files_of,
    given_by,
    parts_of,
    places_of,
    separator_of,
    tables,
)

UNIT, units = "lines", count_lines
APART = (b'"', b"\0")  # signs that the two readers may take for something else
BLOCK_BYTES = 1 << 24
MAX_CELL = 1 << 17  # characters of a cell; more is unreadable
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
    width = part.width or content.partition(b"\n")[0].count(part.separator.encode()) + 1
    positions = dict(zip(params.columns, places_of(part.path, params, part.names or width), strict=True))
    columns: Columns | None = None
    for numeric in (params.numbers, []):
        columns = columns or _columns(content, part, positions, width, numeric, params.decimal)
    if columns is None or len(columns[params.target]) != len(numbers):
        return None
    empty = content.count(b"\n") + (not content.endswith(b"\n")) - len(numbers)
    skipped = +Counter({HEADER: part.before, EMPTY: empty})
    return Chunk(columns, Places(part.path.name, numbers), given_by(part.path), [], skipped)


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


def _columns(
    content: bytes, part: FileChunk, positions: dict[str, int], width: int, numeric: list[str], decimal: str
) -> Columns | None:
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
            arrow_csv.ParseOptions(delimiter=part.separator, quote_char=False),
            arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=MISSING_SPELLINGS,
                strings_can_be_null=False,
                decimal_point=decimal,
            ),
        )
    except pyarrow.ArrowInvalid:
        return None
    columns = {role: table.column(str(position)) for role, position in positions.items()}
    found: Columns = {role: columns[role].to_numpy() for role in numeric}
    if not all(are_believable(values, columns[role].null_count) for role, values in found.items()):
        return None
    return found | {role: texts_of(column) for role, column in columns.items() if role not in numeric}


def files(folder: Path, params: Records) -> list[Path]:
    """Return the files of the format.

    Raises:
        DataError: there is none.
    """
    return files_of(folder, params, (".csv",), (".txt", ".dat", ".data"))


def columns(folder: Path, params: Records) -> list[str] | int:
    """Return the names of the columns of the first file, or how many there are where it has no names.

    Raises:
        DataError: there is no file, or no row.
    """
    path = files(folder, params)[0]
    return columns_of(path, params, _rows, separator_of(path, params, ","))


def parts(folder: Path, params: Records) -> Iterator[FileChunk]:
    """Yield what can be read by itself; see `tasks.data.text_records.split_file`.

    Raises:
        DataError: there is no file, or a header cannot be read.
    """
    for path in files(folder, params):
        yield from parts_of(path, params, _rows, separator_of(path, params, ","), quoted=True)


def chunks(part: FileChunk, params: Records) -> Iterator[Chunk]:
    """Yield the rows of a part; one with another number of cells, or with a quote inside a cell, is unreadable.

    Raises:
        DataError: the part is not in the encoding that it begins with, or lacks a column.
    """
    fast = read(part, params) if isinstance(params, Tables) else None
    if fast is None:
        yield from tables(part, _rows(part, lines_of(part)), params)
    else:
        yield fast


def _rows(part: FileChunk, lines: Iterator[str]) -> Iterator[Row]:
    number = part.first
    for cells, count in cells_of(lines, part.separator):
        if isinstance(cells, csv.Error):
            yield Row(number, BadRow(f"{part.path.name}:{number}", _problem(cells, number, count)))
            number += 1
        else:
            yield Row(number, cells or None, count)
            number += count


def cells_of(lines: Iterable[str], separator: str) -> Iterator[tuple[list[str] | csv.Error, int]]:
    """Yield the cells of each row, none for an empty line, and how many lines they were read from.

    In place of cells that cannot be read stands the error; the row behind it begins in the next line.
    """
    taken = _Lines(iter(lines))
    csv.field_size_limit(MAX_CELL)  # of the whole process, where another reader may have set its own
    reader = csv.reader(taken, delimiter=separator, strict=True)
    while True:
        taken.begin_row()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield error, taken.count
            taken.give_back()
            continue
        if cells is None:
            return
        yield cells, taken.count


class _Lines:
    """Lines, of which those of a row can be given back but for the first."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._row, self._again = lines, list[str](), deque[str]()

    @property
    def count(self) -> int:
        """How many lines the row has taken."""
        return len(self._row)

    def begin_row(self) -> None:
        """Forget the lines of the row before."""
        self._row.clear()

    def give_back(self) -> None:
        """Let the next row begin behind the first line of this one."""
        self._again.extendleft(reversed(self._row[1:]))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._row.append(line)
        return line


def _problem(error: csv.Error, number: int, lines: int) -> str:
    if "field limit" in str(error) or "end of data" in str(error):
        return f"unreadable: a quote that is opened here and not closed within {MAX_CELL:,} characters"
    more = f" in line {number + lines - 1}, which a quote that is opened here runs to" if lines > 1 else ""
    return f"unreadable: {error}{more}"
