"""All rows of the raw files, in their order: for what looks at them once, in one process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.contracts.preprocessing import Preprocess
from tasks.data.records import Chunk


def rows_of(reader: Any, folder: Path, params: Preprocess) -> Iterator[Chunk]:
    """Yield the rows of every part of the files in a folder, by a module of `tasks.data.formats`.

    Raises:
        DataError: there is no file of the format, or one is damaged; see the module.
    """
    for part in reader.parts(folder, params):
        yield from reader.chunks(part, params)
