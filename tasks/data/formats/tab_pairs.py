"""The lists of pairs at manythings.org: tab-separated lines in UTF-8, in `.txt` files beside an `_about.txt`."""

from collections.abc import Iterator
from pathlib import Path

from tasks.core.params.data import Records
from tasks.data.formats import tsv
from tasks.data.formats.tsv import chunks
from tasks.data.text_records import FileChunk, files_of, parts_of

__all__ = ["chunks", "parts"]


def parts(folder: Path, params: Records) -> Iterator[FileChunk]:
    """Yield what can be read by itself: so many lines of a file whose name begins with no `_`.

    Raises:
        DataError: there is no file, or a header cannot be read.
    """
    for path in files_of(folder, params, (".txt", ".txt.gz")):
        if not path.name.startswith("_"):
            yield from parts_of(path, params, tsv.rows, quoted=False)
