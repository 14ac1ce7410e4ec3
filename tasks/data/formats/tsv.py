"""Tab-separated values in UTF-8, gzipped or not: a row in each line, and quotes are letters like any other."""

from collections.abc import Iterator
from pathlib import Path

from tasks.contracts.records import Records
from tasks.data.records import Chunk
from tasks.data.records_reading import Numbered, files_of, lines_of, tables


def read(folder: Path, params: Records) -> Iterator[Chunk]:
    """Yield the rows of every file; one with another number of cells is unreadable.

    Raises:
        DataError: there is no file, one is not UTF-8, or lacks a column.
    """
    for path in files_of(folder, params, (".tsv", ".tsv.gz")):
        yield from tables(path, rows(path), params)


def rows(path: Path) -> Iterator[Numbered]:
    """Yield the cells of each line that is not empty, with its number."""
    for number, line in enumerate(lines_of(path), start=1):
        if row := line.rstrip("\r\n"):
            yield number, row.split("\t")
