"""The lists of pairs at manythings.org: tab-separated lines in UTF-8, in `.txt` files beside an `_about.txt`."""

from collections.abc import Iterator
from pathlib import Path

from tasks.core.params.data import Records
from tasks.data.formats import tsv
from tasks.data.formats.tsv import UNIT, chunks, units
from tasks.data.text_lines import FileChunk
from tasks.data.text_records import files_of, parts_of, separator_of

__all__ = ["UNIT", "chunks", "files", "parts", "units"]


def files(folder: Path, params: Records) -> list[Path]:
    """Return the files whose name begins with no `_`.

    Raises:
        DataError: there is none.
    """
    return [path for path in files_of(folder, params, (".txt",)) if not path.name.startswith("_")]


def parts(folder: Path, params: Records) -> Iterator[FileChunk]:
    """Yield what can be read by itself: so many lines of a file.

    Raises:
        DataError: there is no file, or a header cannot be read.
    """
    for path in files(folder, params):
        yield from parts_of(path, params, tsv.rows, separator_of(path, params, "\t"), quoted=False)
