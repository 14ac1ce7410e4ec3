"""Small data files with every fault that people's files have, made by a seed: what is in them is known line by line."""

import gzip
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

NAMES = ("a", "c", "y")
# Cells that hold no number, or hold one in a way of their own; a column of categories takes all of them.
CELLS = (
    "", " ", "NA", "#N/A", "?", "nan", "-inf", "1e999", "1_000", "1,5", "1.234,5", "many", "\u0663", "0x10", "1e5",
    " 7 ", "+3", "1.0", "\ufeff4", "caf\u00e9", "cafe\u0301", "a\u00a0b", "a\u2028b", "a\x1cb", "a\x00b", "a\x85b",
    "\u202eab",
    "\u0645\u06cc\u200c\u062e", "\U0001f468\u200d\U0001f469", "\U0001fae9", "x" * 200, "a < b and c > d",
    "<b>x</b>", "-",
)  # fmt: skip
QUOTED = (
    '"he said \\""',
    '"never closed',
    'in"side',
    '"a "bad" quote"',
    '"two\nlines"',
    '"three\n\n""lines"""',
    '"',
    '""',
)
HUGE = "z" * 140_000  # longer than a cell may be


@dataclass
class File:
    """A file, and what is known of it.

    Attributes:
        lines: of its rows, without their ends; a fault may have put an end into one.
        untouched: the numbers of the rows in which nothing is wrong, by the first of their cells.
        has_quotes: whether a quote stands where it may take the rows behind it into its cell.
    """

    lines: list[str]
    untouched: set[str]
    has_quotes: bool = False
    end: str = "\n"
    faults: list[str] = field(default_factory=list)


def rows(chance: random.Random, count: int) -> list[list[str]]:
    """Rows of a number, which is different in each, a category and a target."""
    return [[str(number), chance.choice(("red", "green", "blue")), str(number % 7)] for number in range(count)]


def table(chance: random.Random, separator: str, quoted: bool) -> File:
    """A text file of cells with some faults."""
    cells = rows(chance, chance.randrange(3, 40))
    file = File([separator.join(NAMES), *(separator.join(row) for row in cells)], {row[0] for row in cells})
    file.end = chance.choice(("\n", "\n", "\r\n"))
    for _ in range(chance.randrange(5)):
        place = chance.randrange(1, len(file.lines))
        fault = chance.choice(("cell", "cell", "quote", "ragged", "empty", "copy", "control"))
        row = file.lines[place].split(separator)
        file.faults.append(fault)
        file.untouched.discard(row[0])
        match fault:
            case "cell":
                row[chance.randrange(len(row))] = chance.choice(CELLS)
            case "quote":
                row[chance.randrange(len(row))] = chance.choice((*QUOTED, HUGE) if chance.random() < 0.1 else QUOTED)
                file.has_quotes = quoted
            case "ragged":
                row = chance.choice((row[:-1], [*row, ""], [*row, "7"], ["7"]))
            case "control":
                row.append(chance.choice(("\r", "\x00", "\x0b", "\x1e")))
        if fault == "empty":
            file.lines.insert(place, chance.choice(("", "", " ", "\t")))
        elif fault == "copy":
            file.lines.insert(place, file.lines[chance.randrange(1, len(file.lines))])
        else:
            file.lines[place] = separator.join(row)
    return file


def objects(chance: random.Random) -> File:
    """A file of JSON lines with some faults."""
    cells = rows(chance, chance.randrange(3, 40))
    file = File([json.dumps(dict(zip(NAMES, row, strict=True))) for row in cells], {row[0] for row in cells})
    for _ in range(chance.randrange(5)):
        place = chance.randrange(1, len(cells))
        file.untouched.discard(cells[place][0])
        odd: list[Any] = [*CELLS, None, True, 7, 1.5, [], {}, "\ud800", HUGE]
        wrong = (
            "", " ", "{", "[1]", "null", '{"a": 1', "[" * 5000, '{"b": 1}', '{"a": NaN, "c": "x", "y": 1}', "\x00",
            json.dumps({"a": chance.choice(odd), "c": chance.choice(odd), "y": chance.choice(odd)}),
        )  # fmt: skip
        file.lines[place] = chance.choice(wrong)
    return file


def written(chance: random.Random, file: File, path: Path) -> Path:
    """Write a file in some encoding, gzipped or not, damaged or not; return its path."""
    text = file.end.join(file.lines) + chance.choice((file.end, file.end, ""))
    form = chance.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32"))
    content = text.encode(form, "replace")
    if chance.random() < 0.03:
        content = content.replace(b"red", b"r\xe9d", 1)
        file.untouched.clear()
    if chance.random() < 0.03:
        content = content[: chance.randrange(len(content))]
        file.untouched.clear()
    if chance.random() < 0.1:
        path = path.with_name(path.name + chance.choice((".gz", ".GZ")))
        content = gzip.compress(content)
        if chance.random() < 0.1:
            content = content[:-9]
    path.write_bytes(content)
    return path


def columns_file(chance: random.Random, path: Path) -> File:
    """Write a Parquet file whose columns have types of their own; all its rows are counted as lines."""
    cells = rows(chance, chance.randrange(3, 40))
    untouched, texts = {row[0] for row in cells}, [list(column) for column in zip(*cells, strict=True)]
    for _ in range(chance.randrange(5)):
        place = chance.randrange(len(cells))
        untouched.discard(cells[place][0])
        texts[chance.randrange(3)][place] = chance.choice((*CELLS, HUGE))
    types: list[Callable[[list[str]], Any]] = [
        pyarrow.array,
        lambda values: pyarrow.array(values).dictionary_encode(),
        lambda values: pyarrow.array(values, pyarrow.large_string()),
    ]
    found = pyarrow.table({name: chance.choice(types)(values) for name, values in zip(NAMES, texts, strict=True)})
    parquet.write_table(found, path, row_group_size=chance.choice((4, 100)))
    return File(["row"] * len(cells), untouched)


def lines_in(path: Path) -> int:
    """Count the lines of a text file in the plainest way."""
    content = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
    wide = {b"\xff\xfe\0\0": "utf-32", b"\xff\xfe": "utf-16"}
    form = next((name for mark, name in wide.items() if content.startswith(mark)), "")
    text = content.decode(form, "replace") if form else content.decode("latin-1")
    return text.count("\n") + (not text.endswith("\n") and bool(text))
