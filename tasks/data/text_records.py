"""Text files of records: the files of a format, the rows of cells in their lines."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tasks.core.errors import DataError
from tasks.core.params.data import Records
from tasks.data.names import COMPRESSED, name_of, suffix_of
from tasks.data.records import SPLITS, BadRow, Chunk, Places, SplitName, objects
from tasks.data.text_lines import FileChunk, is_whole, lines_of, refused, split_file

SEPARATORS = ",;\t|"
EMPTY_BEHIND = "(those behind are empty)"
HEADER, EMPTY, CONTINUED = "header", "empty lines", "more lines of a row"


class Row(NamedTuple):
    """A row of a file, or an empty line.

    Attributes:
        number: of its first line, from 1.
        cells: what it holds, or why that is not known; None of an empty line.
        lines: how many it takes.
    """

    number: int
    cells: "Cells | BadRow | None"
    lines: int = 1


SHOWN = 12
SAMPLE_ROWS = 1000

Cells = list[str]


def files_of(folder: Path, params: Records, suffixes: tuple[str, ...], otherwise: tuple[str, ...] = ()) -> list[Path]:
    """Return the files of a format, in the order of their names; not those that lie beside the rows.

    Args:
        folder: that they are in.
        params: which files lie beside the rows.
        suffixes: of the format, gzipped or not.
        otherwise: suffixes that say less; they count where no file has one of the others.

    Raises:
        DataError: there is none.
    """
    beside = {folder / name for name in (params.attributes, *params.shipped) if name}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path not in beside)
    for some in (suffixes, otherwise):
        if found := [path for path in files if suffix_of(path).removesuffix(COMPRESSED) in some]:
            return found
    raise DataError(
        got=f"no {' or '.join((*suffixes, *otherwise))} file among {[path.name for path in files[:SHOWN]]}",
        do="correct ingest.<role>, or preprocess.<role>.format",
    )


def chunk(
    path: Path, columns: dict[str, Cells], numbers: list[int], unreadable: list[BadRow], skipped: Counter[str]
) -> Chunk:
    """Return a chunk of values as they were read, by role; `numbers` are those of their lines."""
    sources, values = Places(path.name, np.array(numbers, np.int64)), {k: objects(v) for k, v in columns.items()}
    return Chunk(values, sources, given_by(path), unreadable, skipped)


def given_by(path: Path) -> SplitName | None:
    """Return the split that a file's name or its folder's says: `test.csv`, `validation/1.csv`."""
    return next((split for split in SPLITS if split in {path.name.split(".")[0], path.parent.name}), None)


def require_columns(path: Path, params: Records, names: Sequence[str], width: int) -> None:
    """Make sure that a file has the columns of all roles, by its names or, without these, by their number.

    Raises:
        DataError: one is not there.
    """
    wanted = params.columns.values()
    if absent := [
        place for place in wanted if (name_of(place) not in names if isinstance(place, str) else place >= width)
    ]:
        raise missing_columns(path, absent, names or range(width))


def missing_columns(path: Path, wanted: Iterable[object], found: Iterable[object]) -> DataError:
    """Return the error of a file that lacks columns."""
    names = [str(name) for name in found]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return DataError(
        got=f"{path.name}: no column {', '.join(map(repr, wanted))}; it has {', '.join(names[:SHOWN])}{more}",
        expected="the columns that preprocess.<role>.columns names",
        do="correct the names there, or bring a file that has these columns",
    )


Rows = Callable[[FileChunk, Iterator[str]], Iterator[Row]]


def parts_of(path: Path, params: Records, rows: Rows, separator: str, *, quoted: bool) -> Iterator[FileChunk]:
    """Yield the parts of a file whose columns stand in an order; one that can only be read as a whole is one part.

    Args:
        path: of the file.
        params: its columns.
        rows: reads the lines of a part.
        separator: what stands between two cells.
        quoted: whether quotes have a meaning.

    Raises:
        DataError: the header cannot be read.
    """
    whole = FileChunk(path, separator=separator)
    if is_whole(path):
        yield whole
        return
    names, start, first = None, 0, 1
    if params.header:
        header = next((row for row in rows(whole, lines_of(whole)) if row.cells is not None), None)
        if header is None:
            yield whole
            return
        names, first = _names(path, header), header.number + header.lines
        with path.open("rb") as file:
            start = sum(len(file.readline()) for _ in range(first - 1))
    found = list(split_file(path, start, first, params.shard_rows, separator if quoted else ""))
    found = found or [FileChunk(path, start, start, first)]
    width = len(names or ())
    if names is None and len(found) > 1:
        sample = replace(found[0], separator=separator)
        width = _usual_width(list(islice(rows(sample, lines_of(sample)), params.shard_rows)))
    for number, part in enumerate(found):
        yield replace(part, names=names, width=width, separator=separator, before=0 if number else first - 1)


def columns_of(path: Path, params: Records, rows: Rows, separator: str) -> list[str] | int:
    """Return the names of a file's columns, or how many there are where it has no names.

    Raises:
        DataError: there is no row, or the header cannot be read.
    """
    part = FileChunk(path, separator=separator)
    block = list(islice((row for row in rows(part, lines_of(part)) if row.cells is not None), SAMPLE_ROWS))
    if not block:
        raise DataError(got=f"{path.name}: no row", do="correct ingest.<role>")
    return list(_names(path, block[0])) if params.header else _usual_width(block)


def separator_of(path: Path, params: Records, usual: str) -> str:
    """Return what stands between two cells: what params say, or the usual sign, or what the first line has instead."""
    if params.separator is not None:
        return params.separator
    line = next((line for line in lines_of(FileChunk(path)) if line.strip()), "")
    return usual if usual in line else max(SEPARATORS, key=line.count) if set(line) & set(SEPARATORS) else usual


def tables(part: FileChunk, rows: Iterator[Row], params: Records) -> Iterator[Chunk]:
    """Yield chunks of the rows of a part whose columns stand in an order: the header's, where there is one.

    Raises:
        DataError: a column is not there.
    """
    names, width, positions = part.names, part.width, list[int]()
    skipped = Counter({HEADER: part.before})
    if params.header and names is None:
        for header in rows:
            skipped[EMPTY if header.cells is None else HEADER] += header.lines
            if header.cells is not None:
                names = _names(part.path, header)
                width = len(names)
                break
    while block := list(islice(rows, params.shard_rows)):
        if not positions:
            width = width or _usual_width(block)
            positions = places_of(part.path, params, names or width)
        yield _table_chunk(part.path, block, positions, width, params, skipped)
        skipped = Counter()
    if +skipped:
        yield chunk(part.path, {role: [] for role in params.columns}, [], [], +skipped)


def _names(path: Path, header: Row) -> tuple[str, ...]:
    if isinstance(header.cells, BadRow):
        raise refused(header.cells.source, header.cells.reason, "a header with the names of the columns")
    return tuple(map(name_of, header.cells or ()))


def _table_chunk(
    path: Path, block: list[Row], positions: list[int], width: int, params: Records, skipped: Counter[str]
) -> Chunk:
    good, unreadable = list[tuple[int, Cells]](), list[BadRow]()
    for number, cells, lines in block:
        if cells is None:
            skipped[EMPTY] += lines
            continue
        skipped[CONTINUED] += lines - 1
        if isinstance(cells, BadRow):
            unreadable.append(cells)
        elif len(cells) != width:
            unreadable.append(BadRow(f"{path.name}:{number}", _ragged(cells, width)))
        else:
            good.append((number, cells))
    columns = {
        role: [cells[position] for _, cells in good] for role, position in zip(params.columns, positions, strict=True)
    }  # fmt: skip
    return chunk(path, columns, [number for number, _ in good], unreadable, +skipped)


def _ragged(cells: Cells, width: int) -> str:
    behind = f" {EMPTY_BEHIND}" if len(cells) > width and not any(cells[width:]) else ""
    return f"ragged: {len(cells)} cells, expected {width}{behind}"


def places_of(path: Path, params: Records, columns: tuple[str, ...] | int) -> list[int]:
    """Return where each role's column stands among names, or among so many columns without names."""
    names = columns if isinstance(columns, tuple) else ()
    width = columns if isinstance(columns, int) else len(columns)
    require_columns(path, params, names, width)
    places = [name_of(place) if isinstance(place, str) else place for place in params.columns.values()]
    if twice := sorted({place for place in places if names.count(str(place)) > 1}, key=str):
        raise refused(f"{path.name}:1", f"two columns of the name {twice[0]!r}", "different names")
    return [names.index(place) if isinstance(place, str) else place for place in places]


def _usual_width(block: list[Row]) -> int:
    """Return the number of cells that most rows have."""
    widths = [len(row.cells) for row in block if isinstance(row.cells, list)]
    return int(np.bincount(widths).argmax()) if widths else 0
