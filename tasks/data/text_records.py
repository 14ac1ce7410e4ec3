"""Text files of records, read chunk by chunk: each chunk ends at a line end, so that it can be read by itself."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BufferedReader
from itertools import islice
from pathlib import Path

import numpy as np

from tasks.core.errors import DataError
from tasks.core.params.data import Records
from tasks.data.records import SPLITS, Array, BadRow, Chunk, Places, SplitName, objects

MIN_BYTES = 1 << 16  # of a part: with less, there would be more to do around it than in it
SAMPLE_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 24
QUOTE, COMMA, NEWLINE, RETURN = b'",\n\r'


@dataclass(frozen=True)
class FileChunk:
    """Some lines of a file, or all.

    Attributes:
        path: of the file.
        start: of the first line, in bytes.
        stop: of the last; None: the file's, which may be far.
        first: number of the first line, from 1.
        names: of the columns, None where it is in the first line of a part that begins the file, or nowhere.
        width: how many cells a row has, 0 where that is to be found out.
    """

    path: Path
    start: int = 0
    stop: int | None = None
    first: int = 1
    names: tuple[str, ...] | None = None
    width: int = 0


def split_file(path: Path, start: int, first: int, rows: int, quoted: bool) -> Iterator[FileChunk]:
    """Yield the parts of a file from a line on, each of about so many rows. The file's content alone decides.

    A part never ends between quotes. Where a quote stands that neither opens nor closes a cell, nothing here can say
    what is between quotes, and all that follows is one part.

    Args:
        path: of the file, which is not compressed.
        start: of the first line, in bytes.
        first: its number.
        rows: of a part.
        quoted: whether quotes have a meaning.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(start)
        sample = file.read(SAMPLE_BYTES)
        part_bytes = max(MIN_BYTES, len(sample) * rows // max(1, sample.count(b"\n")))
        file.seek(start)
        while start < size:
            content = _whole_lines(file, part_bytes, quoted)
            if content is None:
                yield FileChunk(path, start, None, first)
                return
            yield FileChunk(path, start, start + len(content), first)
            start, first = start + len(content), first + content.count(b"\n")


def _whole_lines(file: BufferedReader, part_bytes: int, quoted: bool) -> bytearray | None:
    """Read so many bytes, to the end of a line that no quote is in the way of; None where there is no such end."""
    content, line = bytearray(file.read(part_bytes)), b'"'
    while line:
        line = file.readline(MAX_LINE_BYTES + 1)
        content += line
        if len(line) > MAX_LINE_BYTES or len(content) > part_bytes + MAX_LINE_BYTES:
            return None
        if not quoted or b'"' not in content:
            return content
        if b'"' in line or len(content) <= part_bytes + len(line):
            quotes = _quotes(content)
            if quotes is None:
                return None
            if quotes % 2 == 0:
                return content
    return None


def _quotes(content: bytearray) -> int | None:
    """Count the quotes of whole lines; None if one of them neither opens nor closes a cell."""
    signs = np.frombuffer(bytearray(b"\n") + content + b"\n", np.uint8)
    places = np.flatnonzero(signs == QUOTE)
    opening, closing = places[::2], places[1::2]
    before, after = signs[opening - 1], signs[closing + 1]
    fine = _among(before, COMMA, NEWLINE, QUOTE).all() and _among(after, COMMA, NEWLINE, RETURN, QUOTE).all()
    return len(places) if fine else None


def _among(signs: Array, *wanted: int) -> Array:
    return np.isin(signs, wanted)


SHOWN = 12

Cells = list[str]


def files_of(folder: Path, params: Records, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files of a format, in the order of their names; not those that lie beside the rows.

    Raises:
        DataError: there is none.
    """
    beside = {folder / name for name in (params.attributes, *params.shipped) if name}
    found = sorted(path for path in folder.rglob("*") if path.name.lower().endswith(suffixes) and path not in beside)
    if not found:
        names = sorted(path.name for path in folder.rglob("*") if path.is_file())
        raise DataError(
            got=f"no {' or '.join(suffixes)} file among {names[:SHOWN]}",
            do="correct ingest.<role>, or preprocess.<role>.format",
        )
    return found


def lines_of(part: FileChunk) -> Iterator[str]:
    """Yield lines of a text file in UTF-8, gzipped or not, each with its end.

    Raises:
        DataError: a line is not UTF-8 or has no end, or the gzip is damaged.
    """
    path, number, left = part.path, part.first - 1, part.stop - part.start if part.stop is not None else -1
    with _intact(path), _opened(path) as file:
        file.seek(part.start)
        while left and (line := file.readline(MAX_LINE_BYTES + 1)):
            number, left = number + 1, left - len(line)
            if len(line) > MAX_LINE_BYTES:
                raise refused(f"{path.name}:{number}", f"a line of over {MAX_LINE_BYTES:,} bytes", "a row in each line")
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                bad = line[error.start : error.start + 1].hex()
                raise DataError(
                    got=f"{path.name}:{number}: the byte 0x{bad}, which is not UTF-8", expected="text in UTF-8",
                    do="convert the file, such as `iconv -f latin1 -t utf-8`, and ingest it again",
                ) from None  # fmt: skip


def chunk(path: Path, columns: dict[str, Cells], numbers: list[int], unreadable: list[BadRow]) -> Chunk:
    """Return a chunk of values as they were read, by role; `numbers` are those of their lines."""
    sources = Places(path.name, np.array(numbers, np.int64))
    return Chunk({role: objects(values) for role, values in columns.items()}, sources, given_by(path), unreadable)


def given_by(path: Path) -> SplitName | None:
    """Return the split that a file's name or its folder's says: `test.csv`, `validation/1.csv`."""
    return next((split for split in SPLITS if split in {path.name.split(".")[0], path.parent.name}), None)


def refused(where: str, got: str, expected: str) -> DataError:
    """Return the error of a file that cannot be read on."""
    return DataError(
        got=f"{where}: {got}", expected=expected, do="correct the file, or preprocess.<role>, and run again"
    )


def require_columns(path: Path, params: Records, names: Sequence[str], width: int) -> None:
    """Make sure that a file has the columns of all roles, by its names or, without these, by their number.

    Raises:
        DataError: one is not there.
    """
    wanted = params.columns.values()
    if absent := [place for place in wanted if (place not in names if isinstance(place, str) else place >= width)]:
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


@contextmanager
def _intact(path: Path) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            got=f"{path.name}: {error}", expected="text, or gzipped text", do="get it from its source again"
        ) from None


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


Numbered = tuple[int, Cells | BadRow]  # a row with the number of its first line
Rows = Callable[[FileChunk, Iterator[str]], Iterator[Numbered]]


def parts_of(path: Path, params: Records, rows: Rows, *, quoted: bool) -> Iterator[FileChunk]:
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
        yield FileChunk(path)
        return
    names, start, first, whole = None, 0, 1, FileChunk(path)
    if params.header:
        lines = _Counted(lines_of(whole))
        header = next(rows(whole, lines), None)
        if header is None:
            return
        names, first = _names(header), lines.count + 1
        with path.open("rb") as file:
            start = sum(len(file.readline()) for _ in range(lines.count))
    found = list(split_file(path, start, first, params.shard_rows, quoted))
    width = len(names or ())
    if names is None and len(found) > 1:
        width = _usual_width(list(islice(rows(found[0], lines_of(found[0])), params.shard_rows)))
    yield from (replace(part, names=names, width=width) for part in found)


def tables(part: FileChunk, rows: Iterator[Numbered], params: Records) -> Iterator[Chunk]:
    """Yield chunks of the rows of a part whose columns stand in an order: the header's, where there is one.

    Raises:
        DataError: a column is not there.
    """
    names, width, positions = part.names, part.width, list[int]()
    if params.header and names is None:
        header = next(rows, None)
        if header is None:
            return
        names = _names(header)
        width = len(names)
    while block := list(islice(rows, params.shard_rows)):
        if not positions:
            width = width or _usual_width(block)
            positions = places_of(part.path, params, names or width)
        yield _table_chunk(part.path, block, positions, width, params)


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


def _table_chunk(path: Path, block: list[Numbered], positions: list[int], width: int, params: Records) -> Chunk:
    good, unreadable = list[tuple[int, Cells]](), list[BadRow]()
    for number, cells in block:
        if isinstance(cells, BadRow):
            unreadable.append(cells)
        elif len(cells) != width:
            unreadable.append(BadRow(f"{path.name}:{number}", f"ragged: {len(cells)} cells, expected {width}"))
        else:
            good.append((number, cells))
    columns = {
        role: [cells[position] for _, cells in good] for role, position in zip(params.columns, positions, strict=True)
    }  # fmt: skip
    return chunk(path, columns, [number for number, _ in good], unreadable)


def places_of(path: Path, params: Records, columns: tuple[str, ...] | int) -> list[int]:
    """Return where each role's column stands among names, or among so many columns without names."""
    names = columns if isinstance(columns, tuple) else ()
    width = columns if isinstance(columns, int) else len(columns)
    wanted = params.columns.values()
    require_columns(path, params, names, width)
    if twice := sorted({position for position in wanted if names.count(str(position)) > 1}, key=str):
        raise refused(f"{path.name}:1", f"two columns of the name {twice[0]!r}", "different names")
    return [names.index(position) if isinstance(position, str) else position for position in wanted]


def _usual_width(block: list[Numbered]) -> int:
    """Return the number of cells that most rows have."""
    widths = [len(cells) for _, cells in block if isinstance(cells, list)]
    return int(np.bincount(widths).argmax()) if widths else 0
