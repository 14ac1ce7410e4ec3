"""What all formats of records share: which files, which of their columns, and text lines that are read as a stream."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from itertools import islice
from pathlib import Path

import numpy as np

from tasks.contracts.errors import DataError
from tasks.contracts.records import Records
from tasks.data.records import SPLITS, BadRow, Chunk, SplitName, objects

MAX_LINE_BYTES = 1 << 24
SHOWN = 12

Cells = list[str]
Numbered = tuple[int, Cells | BadRow]  # a row with the number of its first line


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
            expected="at least one",
            do="correct ingest.<role>, or preprocess.<role>.format",
        )
    return found


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a text file in UTF-8, gzipped or not, each with its end.

    Raises:
        DataError: a line is not UTF-8 or has no end, or the gzip is damaged.
    """
    number = 0
    with _intact(path), _opened(path) as file:
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
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


def tables(path: Path, rows: Iterator[Numbered], params: Records) -> Iterator[Chunk]:
    """Yield chunks of the rows of a file whose columns stand in an order: the header's, where there is one.

    Raises:
        DataError: a column is not there.
    """
    header = next(rows, None) if params.header else None
    names: Cells | None = None
    if params.header:
        if header is None:
            return
        if isinstance(header[1], BadRow):
            raise refused(header[1].source, header[1].reason, "a header with the names of the columns")
        names = [name.strip() for name in header[1]]
    width, places = len(names or []), list[int]()
    while block := list(islice(rows, params.shard_rows)):
        if not places:
            width = width or _usual_width(block)
            places = _places(path, params, names or width)
        yield _table_chunk(path, block, places, width, params)


def chunk(path: Path, columns: dict[str, Cells], numbers: list[int], unreadable: list[BadRow]) -> Chunk:
    """Return a chunk of values as they were read, by role; `numbers` are those of their lines."""
    sources = np.array([f"{path.name}:{number}" for number in numbers], np.str_)
    return Chunk({role: objects(values) for role, values in columns.items()}, sources, given_by(path), unreadable)


def given_by(path: Path) -> SplitName | None:
    """Return the split that a file's name or its folder's says: `test.csv`, `validation/1.csv`."""
    return next((split for split in SPLITS if split in {path.name.split(".")[0], path.parent.name}), None)


def refused(where: str, got: str, expected: str) -> DataError:
    """Return the error of a file that cannot be read on."""
    return DataError(got=f"{where}: {got}", expected=expected, do="mend the file, or preprocess.<role>, and run again")


def missing_columns(path: Path, wanted: Iterable[object], found: Iterable[object]) -> DataError:
    """Return the error of a file that lacks columns."""
    names = [str(name) for name in found]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return DataError(
        got=f"{path.name}: no column {', '.join(map(repr, wanted))}; it has {', '.join(names[:SHOWN])}{more}",
        expected="the columns that preprocess.<role>.columns names",
        do="correct the names there, or bring the file that has them",
    )


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


def _places(path: Path, params: Records, columns: Cells | int) -> list[int]:
    """Return where each role's column stands among names, or among so many columns without names."""
    names = columns if isinstance(columns, list) else []
    width = len(columns) if isinstance(columns, list) else columns
    wanted = params.columns.values()
    if absent := [place for place in wanted if (place not in names if isinstance(place, str) else place >= width)]:
        raise missing_columns(path, absent, names or range(width))
    if twice := sorted({place for place in wanted if names.count(str(place)) > 1}, key=str):
        raise refused(f"{path.name}:1", f"two columns of the name {twice[0]!r}", "different names")
    return [names.index(place) if isinstance(place, str) else place for place in wanted]


def _usual_width(block: list[Numbered]) -> int:
    """Return the number of cells that most rows have."""
    widths = [len(cells) for _, cells in block if isinstance(cells, list)]
    return int(np.bincount(widths).argmax()) if widths else 0


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
