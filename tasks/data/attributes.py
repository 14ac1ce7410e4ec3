"""Attributes of rows that are no input of the model: who wrote a digit, which camera took a picture.

A CSV file beside the data: a header of `source` and the names of the columns, then a line per row of the data.
"""

import csv
import re
from pathlib import Path

import numpy as np

from tasks.core.errors import DataError
from tasks.data.records import Array

NAME = re.compile(r"[a-z][a-z0-9_]*")
TAKEN = {"image", "label", "row", "source"}
SHOWN = 5


def read(path: Path, sources: Array) -> dict[str, Array]:
    """Return each column for the rows of `sources`, (rows,): float64 where every value is a number, else text.

    Raises:
        DataError: the file is missing or damaged, a name is taken, or a row has no line or two.
    """
    header, lines = _lines(path)
    wrong = [name for name in header[1:] if not NAME.fullmatch(name) or name in TAKEN]
    if header[:1] != ["source"] or wrong or len(set(header)) < len(header) or len(header) < 2:
        raise _refused(path, f"the header {','.join(header)!r}", "source, then different names like writer or ink_2")
    if ragged := [number for number, line in enumerate(lines, start=2) if len(line) != len(header)]:
        raise _refused(path, f"other than {len(header)} cells in line {_few(ragged)}", "a cell for each column")
    by_source = {line[0]: line[1:] for line in lines}
    if len(by_source) < len(lines):
        raise _refused(path, f"{len(lines) - len(by_source)} lines for a source that has one", "one line a source")
    if missing := [source for source in sources.tolist() if source not in by_source]:
        raise _refused(path, f"no line for {_few(missing)}", "a line for each row that is kept")
    chosen = [by_source[source] for source in sources.tolist()]
    return {name: _typed([line[index] for line in chosen]) for index, name in enumerate(header[1:])}


def _lines(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _refused(path, str(error), "a CSV file in UTF-8") from None
    return (lines[0], lines[1:]) if lines else ([], [])


def _typed(values: list[str]) -> Array:
    try:
        numbers = np.array(values, np.float64)
    except ValueError:
        return np.array(values, np.str_)
    return numbers if np.isfinite(numbers).all() else np.array(values, np.str_)


def _few(items: list[str] | list[int]) -> str:
    return ", ".join(map(str, items[:SHOWN])) + (f" and {len(items) - SHOWN} more" if len(items) > SHOWN else "")


def _refused(path: Path, got: str, expected: str) -> DataError:
    return DataError(got=f"{path.name}: {got}", expected=expected, do="mend the file of preprocess.<role>.attributes")
