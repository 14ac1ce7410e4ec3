"""The lists of pairs at manythings.org: tab-separated lines in UTF-8, in `.txt` files beside an `_about.txt`."""

from collections.abc import Iterator
from pathlib import Path

from tasks.contracts.records import Records
from tasks.data.cells import parts_of
from tasks.data.formats import tsv
from tasks.data.formats.tsv import chunks
from tasks.data.line_parts import LinePart
from tasks.data.records import Chunk
from tasks.data.records_reading import files_of

__all__ = ["chunks", "parts", "read"]


def read(folder: Path, params: Records) -> Iterator[Chunk]:
    """Yield the rows of every file whose name begins with no `_`; see `tasks.data.formats.tsv.read`.

    Raises:
        DataError: there is no file, one is not UTF-8, or lacks a column.
    """
    for part in parts(folder, params):
        yield from chunks(part, params)


def parts(folder: Path, params: Records) -> Iterator[LinePart]:
    """Yield what can be read by itself: so many lines."""
    for path in files_of(folder, params, (".txt", ".txt.gz")):
        if not path.name.startswith("_"):
            yield from parts_of(path, params, tsv.rows, quoted=False)
