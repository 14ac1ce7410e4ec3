"""Tab-separated values, gzipped or not: a row in each line, quotes are letters like any other."""

from collections.abc import Iterator
from pathlib import Path

from tasks.core.params.data import Records
from tasks.data.records import Chunk
from tasks.data.text_lines import FileChunk, count_lines, lines_of
from tasks.data.text_records import Row, columns_of, files_of, parts_of, separator_of, tables

UNIT, units = "lines", count_lines


def files(folder: Path, params: Records) -> list[Path]:
    """Return the files of the format.

    Raises:
        DataError: there is none.
    """
    return files_of(folder, params, (".tsv", ".tab"), (".txt", ".dat", ".data"))


def columns(folder: Path, params: Records) -> list[str] | int:
    """Return the names of the columns of the first file, or how many there are where it has no names.

    Raises:
        DataError: there is no file, or no row.
    """
    path = files(folder, params)[0]
    return columns_of(path, params, rows, separator_of(path, params, "\t"))


def parts(folder: Path, params: Records) -> Iterator[FileChunk]:
    """Yield what can be read by itself: so many lines.

    Raises:
        DataError: there is no file, or a header cannot be read.
    """
    for path in files(folder, params):
        yield from parts_of(path, params, rows, separator_of(path, params, "\t"), quoted=False)


def chunks(part: FileChunk, params: Records) -> Iterator[Chunk]:
    """Yield the rows of a part; one with another number of cells is unreadable.

    Raises:
        DataError: the part is not in the encoding that it begins with, or lacks a column.
    """
    yield from tables(part, rows(part, lines_of(part)), params)


def rows(part: FileChunk, lines: Iterator[str]) -> Iterator[Row]:
    """Yield the cells of each line, none of an empty one."""
    for number, line in enumerate(lines, start=part.first):
        row = line.rstrip("\r\n")
        yield Row(number, row.split(part.separator) if row else None)
