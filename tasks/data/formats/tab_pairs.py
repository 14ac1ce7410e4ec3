"""The lists of pairs at manythings.org: tab-separated lines in UTF-8, in `.txt` files beside an `_about.txt`."""

from collections.abc import Iterator
from pathlib import Path

from tasks.contracts.records import Records
from tasks.data.formats import tsv
from tasks.data.records import Chunk
from tasks.data.records_reading import files_of, tables


def read(folder: Path, params: Records) -> Iterator[Chunk]:
    """Yield the rows of every file whose name begins with no `_`; see `tasks.data.formats.tsv.read`.

    Raises:
        DataError: there is no file, one is not UTF-8, or lacks a column.
    """
    for path in files_of(folder, params, (".txt", ".txt.gz")):
        if not path.name.startswith("_"):
            yield from tables(path, tsv.rows(path), params)
