"""Lines of text files: their encoding, their ends, the parts of a file that can be read by themselves."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np

from tasks.core.errors import DataError
from tasks.data.names import is_compressed
from tasks.data.records import Array

MIN_BYTES = 1 << 16  # of a part: with less, there would be more to do around it than in it
SAMPLE_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 24
QUOTE, NEWLINE, RETURN = b'"\n\r'
# Encodings that the first bytes of a file name, the longer mark first. Excel's "Unicode text" is UTF-16.
WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip


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
        separator: what stands between two cells.
        before: how many lines are before the first, as far as they belong to this part: those of a header.
    """

    path: Path
    start: int = 0
    stop: int | None = None
    first: int = 1
    names: tuple[str, ...] | None = None
    width: int = 0
    separator: str = ","
    before: int = 0


def split_file(path: Path, start: int, first: int, rows: int, quoted: str = "") -> Iterator[FileChunk]:
    """Yield the parts of a file from a line on, each of about so many rows. The file's content alone decides.

    A part never ends between quotes. Where a quote stands that neither opens nor closes a cell, nothing here can say
    what is between quotes, and all that follows is one part.

    Args:
        path: of the file, which is not compressed.
        start: of the first line, in bytes.
        first: its number.
        rows: of a part.
        quoted: the separator of cells, which may be quoted; empty where quotes have no meaning.
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


def _whole_lines(file: BufferedReader, part_bytes: int, quoted: str) -> bytearray | None:
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
            quotes = _quotes(content, ord(quoted))
            if quotes is None:
                return None
            if quotes % 2 == 0:
                return content
    return None


def _quotes(content: bytearray, separator: int) -> int | None:
    """Count the quotes of whole lines; None if one of them neither opens nor closes a cell."""
    signs = np.frombuffer(bytearray(b"\n") + content + b"\n", np.uint8)
    places = np.flatnonzero(signs == QUOTE)
    opening, closing = places[::2], places[1::2]
    before, after = signs[opening - 1], signs[closing + 1]
    opens, closes = (separator, NEWLINE, QUOTE), (separator, NEWLINE, RETURN, QUOTE)
    fine = _among(before, *opens).all() and _among(after, *closes).all()
    return len(places) if fine else None


def _among(signs: Array, *wanted: int) -> Array:
    return np.isin(signs, wanted)


def encoding_of(path: Path) -> str:
    """Return the encoding that a file's first bytes name, UTF-8 where they name none.

    Raises:
        DataError: the gzip is damaged.
    """
    with _intact(path), _opened(path) as file:
        start = file.read(4)
    return next((name for mark, name in WIDE_MARKS.items() if start.startswith(mark)), "utf-8")


def is_whole(path: Path) -> bool:
    """Whether a file can only be read from its beginning: it is gzipped, or its characters are wider than a byte."""
    return is_compressed(path) or encoding_of(path) != "utf-8"


def count_lines(path: Path) -> int:
    """Count the lines of a file as its bytes have them, whatever a format makes of these.

    Raises:
        DataError: the gzip is damaged, or the bytes are not of the encoding that the first ones name.
    """
    count, last = 0, b"\n"
    with _intact(path), _opened(path) as file:
        wide = encoding_of(path)
        decode = codecs.getincrementaldecoder(wide)("replace").decode if wide != "utf-8" else None
        while block := file.read(SAMPLE_BYTES):
            block = decode(block).encode() if decode else block
            count, last = count + block.count(b"\n"), block[-1:] or last
    return count + (last != b"\n")


def lines_of(part: FileChunk) -> Iterator[str]:
    """Yield lines of a text file, gzipped or not, each with its end: in UTF-8 or in what the first bytes name.

    Raises:
        DataError: a line is of another encoding or has no end, or the gzip is damaged.
    """
    encoding = encoding_of(part.path)
    if encoding != "utf-8":
        yield from _wide_lines(part.path, encoding)
        return
    path, number, left = part.path, part.first - 1, part.stop - part.start if part.stop is not None else -1
    with _intact(path), _opened(path) as file:
        file.seek(part.start)
        while left and (line := file.readline(MAX_LINE_BYTES + 1)):
            number, left = number + 1, left - len(line)
            if number == 1 and b"\r" in line and not line.endswith(b"\n"):
                raise _old_line_ends(path)
            if len(line) > MAX_LINE_BYTES:
                raise _too_long(path, number)
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                bad = line[error.start : error.start + 1].hex()
                raise DataError(
                    got=f"{path.name}:{number}: the byte 0x{bad}, which is not UTF-8", expected="text in UTF-8",
                    do="convert the file, such as `iconv -f cp1252 -t utf-8`, and ingest it again",
                ) from None  # fmt: skip


def _wide_lines(path: Path, encoding: str) -> Iterator[str]:
    with _intact(path), _opened(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="\n") as text:
        number = 1
        try:
            while line := text.readline(MAX_LINE_BYTES + 1):
                if len(line) > MAX_LINE_BYTES:
                    raise _too_long(path, number)
                yield line
                number += 1
        except UnicodeError as error:
            raise DataError(
                got=f"{path.name}: {error}, from line {number} on",
                expected=f"text in {encoding}, as its first bytes say",
                do="get the file from its source again, or save it in UTF-8",
            ) from None


def _too_long(path: Path, number: int) -> DataError:
    return refused(f"{path.name}:{number}", f"a line of over {MAX_LINE_BYTES:,} bytes", "a row in each line")


def _old_line_ends(path: Path) -> DataError:
    return DataError(
        got=f"{path.name}: one line, with carriage returns where lines should end, as old Macs wrote them",
        expected="a row in each line",
        do=f"convert the file: `tr '\\r' '\\n' < {path.name} > new_{path.name}`, and ingest that",
    )


def refused(where: str, got: str, expected: str) -> DataError:
    """Return the error of a file that cannot be read on."""
    return DataError(
        got=f"{where}: {got}", expected=expected, do="correct the file, or preprocess.<role>, and run again"
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
    return gzip.open(path) if is_compressed(path) else path.open("rb")
