"""What all formats of records share: which files, which of their columns, and text lines that are read as a stream."""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import numpy as np

from tasks.contracts.errors import DataError
from tasks.contracts.records import Records
from tasks.data.line_parts import MAX_LINE_BYTES, LinePart
from tasks.data.records import SPLITS, BadRow, Chunk, Places, SplitName, objects

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
            expected="at least one",
            do="correct ingest.<role>, or preprocess.<role>.format",
        )
    return found


def lines_of(part: LinePart) -> Iterator[str]:
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
    return DataError(got=f"{where}: {got}", expected=expected, do="mend the file, or preprocess.<role>, and run again")


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
        do="correct the names there, or bring the file that has them",
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
