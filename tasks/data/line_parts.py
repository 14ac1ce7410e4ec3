"""Text files in parts that end at line ends, so that each can be read by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np

from tasks.data.records import Array

MIN_BYTES = 1 << 16  # of a part: with less, there would be more to do around it than in it
SAMPLE_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 24
QUOTE, COMMA, NEWLINE, RETURN = b'",\n\r'


@dataclass(frozen=True)
class LinePart:
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


def cut(path: Path, start: int, first: int, rows: int, quoted: bool) -> Iterator[LinePart]:
    """Yield the parts of a file from a line on, each of about so many rows. The file's content alone decides.

    A part never ends between quotes. Where a quote stands that neither opens nor closes a cell, it is not told from
    here what is between quotes, and all that follows is one part.

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
                yield LinePart(path, start, None, first)
                return
            yield LinePart(path, start, start + len(content), first)
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
