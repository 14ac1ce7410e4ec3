"""Rows of cells: formats whose columns stand in an order, with or without a header."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from tasks.contracts.records import Records
from tasks.data.line_parts import LinePart, cut
from tasks.data.records import BadRow, Chunk
from tasks.data.records_reading import Cells, chunk, lines_of, refused, require_columns

Numbered = tuple[int, Cells | BadRow]  # a row with the number of its first line
Rows = Callable[[LinePart, Iterator[str]], Iterator[Numbered]]


def parts_of(path: Path, params: Records, rows: Rows, *, quoted: bool) -> Iterator[LinePart]:
    """Yield the parts of a file whose columns stand in an order; one that is gzipped is whole.

    Args:
        path: of the file.
        params: its columns.
        rows: reads the lines of a part.
        quoted: whether quotes have a meaning.

    Raises:
        DataError: the header cannot be read.
    """
    if path.suffix == ".gz":
        yield LinePart(path)
        return
    names, start, first, whole = None, 0, 1, LinePart(path)
    if params.header:
        lines = _Counted(lines_of(whole))
        header = next(rows(whole, lines), None)
        if header is None:
            return
        names, first = _names(header), lines.count + 1
        with path.open("rb") as file:
            start = sum(len(file.readline()) for _ in range(lines.count))
    found = list(cut(path, start, first, params.shard_rows, quoted))
    width = len(names or ())
    if names is None and len(found) > 1:
        width = _usual_width(list(islice(rows(found[0], lines_of(found[0])), params.shard_rows)))
    yield from (replace(part, names=names, width=width) for part in found)


def tables(part: LinePart, rows: Iterator[Numbered], params: Records) -> Iterator[Chunk]:
    """Yield chunks of the rows of a part whose columns stand in an order: the header's, where there is one.

    Raises:
        DataError: a column is not there.
    """
    names, width, places = part.names, part.width, list[int]()
    if params.header and names is None:
        header = next(rows, None)
        if header is None:
            return
        names = _names(header)
        width = len(names)
    while block := list(islice(rows, params.shard_rows)):
        if not places:
            width = width or _usual_width(block)
            places = places_of(part.path, params, names or width)
        yield _table_chunk(part.path, block, places, width, params)


class _Counted:
    """Lines, and how many of them were taken."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self.count = lines, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.count += 1
        return line


def _names(header: Numbered) -> tuple[str, ...]:
    if isinstance(header[1], BadRow):
        raise refused(header[1].source, header[1].reason, "a header with the names of the columns")
    return tuple(name.strip() for name in header[1])


def _table_chunk(path: Path, block: list[Numbered], places: list[int], width: int, params: Records) -> Chunk:
    good, unreadable = list[tuple[int, Cells]](), list[BadRow]()
    for number, cells in block:
        if isinstance(cells, BadRow):
            unreadable.append(cells)
        elif len(cells) != width:
            unreadable.append(BadRow(f"{path.name}:{number}", f"ragged: {len(cells)} cells, expected {width}"))
        else:
            good.append((number, cells))
    columns = {
        role: [cells[place] for _, cells in good] for role, place in zip(params.columns, places, strict=True)
    }  # fmt: skip
    return chunk(path, columns, [number for number, _ in good], unreadable)


def places_of(path: Path, params: Records, columns: tuple[str, ...] | int) -> list[int]:
    """Return where each role's column stands among names, or among so many columns without names."""
    names = columns if isinstance(columns, tuple) else ()
    width = columns if isinstance(columns, int) else len(columns)
    wanted = params.columns.values()
    require_columns(path, params, names, width)
    if twice := sorted({place for place in wanted if names.count(str(place)) > 1}, key=str):
        raise refused(f"{path.name}:1", f"two columns of the name {twice[0]!r}", "different names")
    return [names.index(place) if isinstance(place, str) else place for place in wanted]


def _usual_width(block: list[Numbered]) -> int:
    """Return the number of cells that most rows have."""
    widths = [len(cells) for _, cells in block if isinstance(cells, list)]
    return int(np.bincount(widths).argmax()) if widths else 0
