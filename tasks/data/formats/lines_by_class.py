"""A file per class, a text on each line: `rt-polarity.neg`, `rt-polarity.pos`; or `spam.txt`, `ham.txt`."""

from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Protocol

from tasks.core.errors import DataError
from tasks.data.names import name_of, suffix_of
from tasks.data.records import BadRow, Chunk
from tasks.data.text_lines import MAX_LINE_BYTES, FileChunk, count_lines, encoding_of, lines_of, refused
from tasks.data.text_records import chunk

UNIT, units = "lines", count_lines


class Lines(Protocol):
    """Which files are read, and how: `preprocess.<role>.lines`."""

    @property
    def files(self) -> str: ...  # noqa: D102
    @property
    def encoding(self) -> str: ...  # noqa: D102
    @property
    def class_name(self) -> str: ...  # noqa: D102


class LineParams(Protocol):
    """What this format needs of the section `preprocess.<role>`."""

    @property
    def lines(self) -> Lines | None: ...  # noqa: D102
    @property
    def shard_rows(self) -> int: ...  # noqa: D102
    @property
    def attributes(self) -> str | None: ...  # noqa: D102


def files(folder: Path, params: LineParams) -> list[Path]:
    """Return the files whose names match `params.lines.files`, in small or capital letters.

    Raises:
        DataError: there is none.
    """
    assert params.lines is not None  # the section is refused without
    beside, pattern = folder / (params.attributes or ""), params.lines.files.casefold()
    there = sorted(path for path in folder.rglob("*") if path.is_file() and path != beside)
    found = [path for path in there if fnmatchcase(path.name.casefold(), pattern)]
    if not found:
        raise DataError(
            got=f"no file {params.lines.files!r} among {[path.name for path in there[:12]]}",
            do="correct preprocess.<role>.lines.files, or ingest.<role>",
        )
    return found


parts = files  # each can be read by itself


def chunks(path: Path, params: LineParams) -> Iterator[Chunk]:
    """Yield the lines of a file; one in another encoding is unreadable.

    Raises:
        DataError: the file has no name for its class, or a line has no end.
    """
    assert params.lines is not None
    name, encoding = _class_of(path, params.lines), params.lines.encoding
    lines = _lines(path)
    if encoding_of(path) != "utf-8":  # the first bytes of the file say so, which goes before the settings
        lines, encoding = ((number, line.encode()) for number, line in enumerate(lines_of(FileChunk(path)), 1)), "utf-8"
    while block := list(islice(lines, params.shard_rows)):
        yield _chunk(path, block, name, encoding)


def _class_of(path: Path, lines: Lines) -> str:
    name = name_of(suffix_of(path)[1:] if lines.class_name == "suffix" else path.stem)
    if not name:
        raise refused(path.name, "a name without a suffix", "the class after its last dot")
    return name


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise refused(
                    f"{path.name}:{number}", f"a line of over {MAX_LINE_BYTES:,} bytes", "a text in each line"
                )
            yield number, line


def _chunk(path: Path, block: list[tuple[int, bytes]], name: str, encoding: str) -> Chunk:
    texts, numbers, unreadable = list[str](), list[int](), list[BadRow]()
    for number, line in block:
        try:
            texts.append(line.decode(encoding))
        except UnicodeDecodeError as error:
            unreadable.append(BadRow(f"{path.name}:{number}", f"unreadable: {error}"))
            continue
        numbers.append(number)
    return chunk(path, {"text": texts, "label": [name] * len(texts)}, numbers, unreadable, Counter())
