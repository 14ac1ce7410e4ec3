"""Tab-separated values in UTF-8, gzipped or not: a row in each line, quotes are letters like any other."""

from collections.abc import Iterator
from pathlib import Path

from tasks.core.params.data import Records
from tasks.data.records import Chunk
from tasks.data.text_records import FileChunk, Numbered, files_of, lines_of, parts_of, tables


def parts(folder: Path, params: Records) -> Iterator[FileChunk]:
    """Yield what can be read by itself: so many lines.

    Raises:
        DataError: there is no file, or a header cannot be read.
    """
    for path in files_of(folder, params, (".tsv", ".tsv.gz")):
        yield from parts_of(path, params, rows, quoted=False)


def chunks(part: FileChunk, params: Records) -> Iterator[Chunk]:
    """Yield the rows of a part; one with another number of cells is unreadable.

    Raises:
        DataError: the part is not UTF-8, or lacks a column.
    """
    yield from tables(part, rows(part, lines_of(part)), params)


def rows(part: FileChunk, lines: Iterator[str]) -> Iterator[Numbered]:
    """Yield the cells of each line that is not empty, with its number."""
    for number, line in enumerate(lines, start=part.first):
        if row := line.rstrip("\r\n"):
            yield number, row.split("\t")
