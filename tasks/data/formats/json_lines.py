"""JSON lines, gzipped or not: an object with the columns' names in each line."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.core.errors import DataError
from tasks.core.params.data import Records
from tasks.data.names import name_of
from tasks.data.records import BadRow, Chunk
from tasks.data.text_lines import FileChunk, count_lines, is_whole, lines_of, split_file
from tasks.data.text_records import EMPTY, SAMPLE_ROWS, Cells, chunk, files_of, missing_columns

UNIT, units = "lines", count_lines


def files(folder: Path, params: Records) -> list[Path]:
    """Return the files of the format.

    Raises:
        DataError: there is none.
    """
    return files_of(folder, params, (".jsonl", ".ndjson"))


def parts(folder: Path, params: Records) -> Iterator[FileChunk]:
    """Yield what can be read by itself: so many lines, or a gzipped file.

    Raises:
        DataError: there is no file.
    """
    for path in files(folder, params):
        if is_whole(path):
            yield FileChunk(path)
        else:
            yield from split_file(path, 0, 1, params.shard_rows)


def columns(folder: Path, params: Records) -> list[str]:
    """Return the names that the first rows of the first file have, in the order in which they come.

    Raises:
        DataError: there is no file, or no row.
    """
    path = files(folder, params)[0]
    rows, _, _ = _parsed(path, list(enumerate(islice(lines_of(FileChunk(path)), SAMPLE_ROWS), start=1)))
    if not rows:
        raise DataError(got=f"{path.name}: no row", do="correct ingest.<role>")
    return list(dict.fromkeys(name for _, row in rows for name in row))


def chunks(part: FileChunk, params: Records) -> Iterator[Chunk]:
    """Yield the rows of a part, a key that a row lacks as a missing value; a broken line is unreadable.

    Raises:
        DataError: the part is not in the encoding that it begins with, or a column is in none of its first rows.
    """
    path, numbered, known = part.path, enumerate(lines_of(part), start=part.first), part.start > 0
    wanted = [name_of(str(name)) for name in params.columns.values()]
    while block := list(islice(numbered, params.shard_rows)):
        rows, unreadable, skipped = _parsed(path, block)
        if rows and not known:
            _require_columns(path, params, rows)
            known = True
        good, numbers = dict[str, Cells]({role: [] for role in params.columns}), list[int]()
        for number, row in rows:
            values = [_text(row.get(name)) for name in wanted]
            if problem := next((value for value in values if isinstance(value, ValueError)), None):
                unreadable.append(BadRow(f"{path.name}:{number}", f"unreadable: {problem}"))
                continue
            numbers.append(number)
            for role, value in zip(params.columns, values, strict=True):
                good[role].append(str(value))
        yield chunk(path, good, numbers, unreadable, skipped)


def _parsed(
    path: Path, block: list[tuple[int, str]]
) -> tuple[list[tuple[int, dict[str, Any]]], list[BadRow], Counter[str]]:
    rows, unreadable, skipped = list[tuple[int, dict[str, Any]]](), list[BadRow](), Counter[str]()
    for number, line in block:
        if not line.strip():
            skipped[EMPTY] += 1
            continue
        try:  # numbers stay as they are written
            value = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
        except (ValueError, RecursionError) as error:
            unreadable.append(BadRow(f"{path.name}:{number}", f"unreadable: {str(error).split(':')[0]}"))
            continue
        if isinstance(value, dict):
            rows.append((number, {name_of(name): each for name, each in value.items()}))
        else:
            unreadable.append(BadRow(f"{path.name}:{number}", "unreadable: no object with names"))
    return rows, unreadable, skipped


def _require_columns(path: Path, params: Records, rows: list[tuple[int, dict[str, Any]]]) -> None:
    found = dict.fromkeys(name for _, row in rows for name in row)
    if absent := [place for place in params.columns.values() if name_of(str(place)) not in found]:
        raise missing_columns(path, absent, found)


def _text(value: Any) -> str | ValueError:
    """Return a value as text, or what is wrong with it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return ValueError(f"a {'list' if isinstance(value, list) else 'object'} where a value should be")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        return ValueError("half of a surrogate pair, which is no character")
    return value
