"""How a text table of unknown origin is written: its encoding, separator, quotes, whether it has a header."""

import codecs
import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path
from typing import TextIO

from tasks.core.errors import DataError
from tasks.data.formats.csv import cells_of
from tasks.data.inspection.names import COLUMN_NAMES, words_of
from tasks.data.tables import MISSING

SAMPLE_BYTES, SAMPLE_ROWS = 1 << 20, 500
SEPARATORS = (",", ";", "\t", "|")
SPACES = " "  # columns that are lined up by spaces, as many of the oldest public tables have them
# The longest first: the mark of UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")

MAX_ABOVE, COMMENTS, MIN_ROWS_WITH_UNITS = 20, ("#", "//", "%"), 6
UNIT = re.compile(r"[^\W\d_]|[%‰€$£¥°]")

Row = list[str]


@dataclass(frozen=True)
class Dialect:
    """How the rows of a file are written.

    Attributes:
        encoding: as Python names it.
        separator: between cells; a space stands for any number of them.
        quoted: whether quotes around a cell have a meaning.
        header: whether the first row has the names of the columns.
        certain: whether the encoding is known, and not what most such files have.
        width: of rows that end with a separator, behind which nothing is; None where they do not.
        above: lines on top that are no rows: titles, comments.
        units: whether the row below the header has the units of the columns.
    """

    encoding: str
    separator: str
    quoted: bool
    header: bool
    certain: bool = True
    width: int | None = None
    above: int = 0
    units: bool = False

    def is_row(self, number: int) -> bool:
        """Whether a line, counted from 0 without empty ones, is the header or a row."""
        return number >= self.above and not (self.units and number == self.above + 1)

    def trimmed(self, row: Row) -> Row:
        """Return a row without the empty cell behind its last separator, where that is none of the columns."""
        return row[:-1] if self.width and len(row) == self.width + 1 and not row[-1].strip() else row


def dialect_of(path: Path, encoding: str | None = None) -> Dialect:
    """Find out how a file is written, from its first megabyte.

    Args:
        path: of the file, gzipped or not.
        encoding: what the user says it is.

    Raises:
        DataError: the file is empty, or no text.
    """
    sample = _sample(path)
    found, certain = (encoding, True) if encoding else encoding_of(sample)
    text = _decoded(sample, found, path)
    if not text.strip():
        raise DataError(got=f"{path.name}: no text in it", do="bring a file with rows")
    separator, quoted = _separated(text, tabs=".tsv" in path.name.lower())
    rows = list(islice(_rows(io.StringIO(text, newline=""), separator, quoted), SAMPLE_ROWS))
    above = _lines_above(rows)
    width = _width_before_the_last_separator(rows[above:])
    dialect = Dialect(found, separator, quoted, header=False, certain=certain, width=width, above=above)
    below = [dialect.trimmed(row) for row in rows[above:]]
    if has_header(below):
        return replace(dialect, header=True, units=_has_units(below))
    without = [below[0], *below[2:]]
    return replace(dialect, header=True, units=True) if _has_units(below) and has_header(without) else dialect


def rows_of(path: Path, dialect: Dialect) -> Iterator[Row]:
    """Yield every row of a file that is not empty, the header among them.

    Raises:
        DataError: a byte is none of the encoding.
    """
    with opened(path, dialect.encoding) as text:
        try:
            lines = enumerate(_rows(text, dialect.separator, dialect.quoted))
            yield from (dialect.trimmed(row) for number, row in lines if dialect.is_row(number))
        except UnicodeDecodeError as error:
            raise DataError(
                got=f"{path.name}: bytes that are not {dialect.encoding}: {error.reason}",
                expected="one encoding in the whole file", do="name the right one: --encoding NAME",
            ) from None  # fmt: skip


@contextmanager
def opened(path: Path, encoding: str) -> Iterator[TextIO]:
    """Open a text file, gzipped or not; line ends stay as they are."""
    if path.suffix.lower() == ".gz":
        with gzip.open(path, "rt", encoding=encoding, newline="") as text:
            yield text
    else:
        with path.open(encoding=encoding, newline="") as text:
            yield text


def encoding_of(sample: bytes) -> tuple[str, bool]:
    """Return the encoding of a sample, and whether that is certain.

    UTF-8 proves itself. Of what is not UTF-8, Windows-1252 is most common in Europe and America, and nothing in the
    bytes can prove it.
    """
    if marked := next((name for mark, name in MARKS if sample.startswith(mark)), None):
        return marked, True
    zeros = sample[:4000].count(0), sample[:4000:2].count(0)
    if zeros[0] * 4 > len(sample[:4000]):
        return ("utf-16-be" if zeros[1] * 2 > zeros[0] else "utf-16-le"), True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return "cp1252", False
    return "utf-8", True


def has_header(rows: list[Row]) -> bool:
    """Whether the first row names the columns: it is unlike the others, or holds words that name columns."""
    first = rows[0] if rows else []
    others = [row for row in rows[1:] if len(row) == len(first)]
    if not others or sum(bool(cell.strip()) for cell in first) * 2 < len(first):
        return False
    if any(NUMBER.fullmatch(cell.strip()) for cell in first):
        return [cell.strip() for cell in first] == [str(place) for place in range(len(first))]
    columns = [[row[place].strip() for row in others] for place in range(len(first))]
    return any(_are_numbers(column) for column in columns) or (len(set(first)) == len(first) and _names(first, columns))


def _names(first: Row, columns: list[Row]) -> bool:
    """Whether a row names columns of which none holds numbers."""
    if all("".join(words_of(name)) in COLUMN_NAMES for name in first if name.strip()):
        return True
    return any(_names_no_row(name.strip(), column) for name, column in zip(first, columns, strict=True)) and all(
        len(name.split()) <= 3 and len(name) <= 40 for name in first
    )


def _lines_above(rows: list[Row]) -> int:
    """Return how many lines on top are titles or comments: they fill few of the cells that most rows have."""
    (width, _), *_ = Counter(map(len, rows)).most_common(1) or [(0, 0)]
    if width < 2:
        return 0
    above = len(list(takewhile(lambda row: _is_no_row(row, width), rows[:MAX_ABOVE])))
    return above if above * 2 < len(rows) else 0


def _is_no_row(row: Row, width: int) -> bool:
    filled = sum(bool(cell.strip()) for cell in row)
    if len(row) != width and (len(row) == 1 or row[0].lstrip().startswith(COMMENTS)):
        return True
    return width > 2 and filled <= max(1, width // 4)


def _has_units(rows: list[Row]) -> bool:
    """Whether the row below the header has units: letters or signs in columns of numbers, and no number."""
    if len(rows) < MIN_ROWS_WITH_UNITS or len(rows[1]) != len(rows[0]):
        return False
    others = [row for row in rows[2:] if len(row) == len(rows[0])]
    columns = [[row[place].strip() for row in others] for place in range(len(rows[0]))]
    cells = [cell.strip() for cell, column in zip(rows[1], columns, strict=True) if _are_numbers(column)]
    signs = [cell for cell in cells if UNIT.search(cell) and cell.casefold() not in MISSING]
    return len(cells) > 1 and bool(signs) and not any(NUMBER.match(cell) for cell in cells)


def _are_numbers(column: Row) -> bool:
    filled = [cell for cell in column if cell]
    return bool(filled) and sum(bool(NUMBER.fullmatch(cell)) for cell in filled) > 0.8 * len(filled)


def _names_no_row(name: str, column: Row) -> bool:
    """Whether a column of few different values, each of them in several rows, has one value that is only on top."""
    counts = Counter(column)
    return len(column) >= 4 and len(counts) * 2 <= len(column) and name not in counts


def _sample(path: Path) -> bytes:
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path) as packed:
                return packed.read(SAMPLE_BYTES)
        with path.open("rb") as file:
            return file.read(SAMPLE_BYTES)
    except (gzip.BadGzipFile, EOFError) as error:
        raise DataError(got=f"{path.name}: {error}", do="get the file from its source again") from None


def _decoded(sample: bytes, encoding: str, path: Path) -> str:
    try:
        text: str = codecs.getincrementaldecoder(encoding)().decode(sample)
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError(
            got=f"{path.name}, which is not {encoding}: {error}", expected="text",
            do="name its encoding: --encoding NAME, such as cp1251 or shift_jis",
        ) from None  # fmt: skip
    return text


def _rows(text: Iterator[str], separator: str, quoted: bool) -> Iterator[Row]:
    """Yield the cells of each row; one of a quote that swallows lines has a single empty cell."""
    if separator == SPACES:
        yield from (line.split() for line in text if line.strip())
    elif quoted:
        for cells, _ in cells_of(text, separator):
            if isinstance(cells, csv.Error):
                yield [""]
            elif cells:
                yield cells
    else:
        yield from filter(None, (line.rstrip("\r\n").split(separator) for line in text))


def _width_before_the_last_separator(rows: list[Row]) -> int | None:
    """Return the number of names where the rows below have one cell more, which is empty in all of them."""
    if len(rows) < 2:
        return None
    width = len(rows[0])
    longer = [row for row in rows[1:] if len(row) == width + 1]
    ends = len(longer) * 2 > len(rows) and not any(row[-1].strip() for row in longer)
    return width if ends else None


def _separated(text: str, tabs: bool) -> tuple[str, bool]:
    """Return the separator that cuts most rows into as many cells, and whether quotes have a meaning."""
    found = []
    for separator in ("\t",) if tabs else SEPARATORS:
        for quoted in (True, False):
            even, width = _evenness(text, separator, quoted)
            if width > 1:
                found.append((round(even, 2), quoted == _prefers_quotes(text, separator), width, separator, quoted))
    if found and max(found)[0] >= 0.5:
        return max(found)[3:]
    even, width = _evenness(text, SPACES, quoted=False)
    if even > 0.95 and width > 2:
        return SPACES, False
    return ("\t", False) if tabs else (",", True)  # one column


def _prefers_quotes(text: str, separator: str) -> bool:
    """Whether quotes that open a cell also close one; tab-separated files often have quotes that are only letters."""
    opening = len(re.findall(rf'(?:^|{re.escape(separator)})"', text, re.MULTILINE))
    closing = len(re.findall(rf'"(?:\r?$|{re.escape(separator)})', text, re.MULTILINE))
    return separator != "\t" or (opening > 0 and abs(opening - closing) * 20 <= opening)


def _evenness(text: str, separator: str, quoted: bool) -> tuple[float, int]:
    """Return the fraction of the rows that have the usual number of cells, and that number."""
    rows = islice(_rows(io.StringIO(text, newline=""), separator, quoted), SAMPLE_ROWS)
    widths = Counter(len(row) for row in rows)
    (width, rows_of_it), *_ = widths.most_common(1) or [(0, 0)]
    return rows_of_it / max(1, widths.total()), width
