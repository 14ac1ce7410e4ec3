"""Tables: numbers, categories, what is missing in a row."""

from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np

from tasks.core.params.data import Tables
from tasks.data.records import Array, BadRow, Chunk, Columns, objects
from tasks.data.schema import Range, Schema
from tasks.data.splits import contents_of, joined_digests

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})  # of numbers; of categories only the empty text
MISSING_SPELLINGS = sorted(
    "".join(letters) for word in MISSING for letters in product(*({letter, letter.upper()} for letter in word))
)
MAX_NUMBER = float(np.finfo(np.float32).max)


def number(text: str) -> float | None:
    """Return a number as it was written, None where it is missing.

    Raises:
        ValueError: it is none, or too large for a float of 32 bits; the text is what to tell people.
    """
    stripped = text.strip()
    if stripped.casefold() in MISSING:
        return None
    try:
        value = float(stripped.replace("_", "?"))  # Python reads 1_000 as a number
    except ValueError:
        raise ValueError(f"not a number: {_shown(text)}") from None
    if not abs(value) <= MAX_NUMBER:
        raise ValueError(f"out of range of float32: {_shown(text)}")
    return value


def numbers_of(values: Array) -> tuple[Array, dict[int, str]]:
    """Return the numbers of cells, (rows,) of float64 with NaN for missing, and what is wrong with some, by row.

    Args:
        values: texts, (rows,) of str objects; or numbers that were read as such, (rows,) of float64.
    """
    if values.dtype != object:
        return values, {}
    read = _all_numbers(values)
    if read is not None:
        return read, {}
    found, wrong = np.full(len(values), np.nan), dict[int, str]()
    for row, text in enumerate(values.tolist()):
        try:
            value = number(text)
        except ValueError as error:
            wrong[row] = str(error)
            continue
        if value is not None:
            found[row] = value
    return found, wrong


def _all_numbers(texts: Array) -> Array | None:
    """Read all numbers at once; None where a text is none, or is one only to Python."""
    import pyarrow
    from pyarrow import compute

    try:
        column = pyarrow.array(texts, pyarrow.string())
        missing = compute.is_in(column, value_set=pyarrow.array(MISSING_SPELLINGS))
        column = compute.cast(
            compute.if_else(missing, pyarrow.scalar(None, pyarrow.string()), column), pyarrow.float64()
        )
    except (pyarrow.ArrowException, UnicodeEncodeError):
        return None
    values: Array = column.to_numpy(zero_copy_only=False)
    return values if are_believable(values, column.null_count) else None


def are_believable(values: Array, missing: int) -> bool:
    """Tell whether all numbers but so many, which are NaN, are those of a float of 32 bits."""
    return int((np.abs(values) <= MAX_NUMBER).sum()) + missing == len(values)


def texts_of(column: Any) -> Array:
    """Return a column of Arrow as texts, (rows,) of str objects: numbers in their shortest form, missing ones empty."""
    import pyarrow
    from pyarrow import compute

    texts = compute.fill_null(compute.cast(column, pyarrow.string()), "")
    return objects(texts.to_pylist())


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")


NUMBERS, CATEGORIES = "numbers", "categories"
SEPARATOR = "\x1f"  # stands between the categories of a row


Values = dict[str, str]


class TableSchema(Schema):
    """Rows of numbers and categories.

    Attributes:
        numeric: which numbers are believed, by column.
        categorical: the columns of categories; new ones may come at any time.
    """

    numeric: dict[str, Range]
    categorical: list[str]


def category(text: str) -> str:
    """Return a category as it is kept, the empty text for a missing one."""
    return text.strip().replace(SEPARATOR, " ")


def categories_of(columns: list[Array], rows: int) -> Array:
    """Return the categories of each row as one text, (rows,) of str objects, from texts, (rows,) each."""
    cleaned = [list(map(category, column.tolist())) for column in columns]
    return objects([SEPARATOR.join(row) for row in zip(*cleaned, strict=True)] if cleaned else [""] * rows)


def values_of(columns: Columns, numeric: list[str], categorical: list[str]) -> tuple[Columns, dict[int, str]]:
    """Return the columns that rows are kept as, and what is wrong with some of the rows, by row.

    `numbers` is (rows, numeric) of float64, NaN where one is missing; `categories` (rows,) of str objects. Neither is
    there where there are none of them.
    """
    found, wrong = list[Array](), dict[int, str]()
    for name in numeric:
        values, problems = numbers_of(columns[name])
        found.append(values)
        wrong = {row: f"{problem} in {name}" for row, problem in problems.items()} | wrong
    kept: Columns = {}
    if numeric:
        kept[NUMBERS] = np.stack(found, axis=1)
    if categorical:
        chosen = [columns[name] for name in categorical]
        kept[CATEGORIES] = categories_of(chosen, len(chosen[0]))
    return kept, wrong


def digests_of(columns: Columns, target: Array) -> Array:
    """Return a digest of each row with its target, numbers or texts, (rows,) of void."""
    parts = list[list[bytes]]()
    numbers = [columns[NUMBERS]] if NUMBERS in columns else []
    if target.dtype != object:
        numbers.append(target[:, np.newaxis])
    if numbers:
        values = np.concatenate(numbers, axis=1).astype("<f8") + 0.0  # -0.0 is 0.0
        values[np.isnan(values)] = np.nan  # of one kind
        parts.append(contents_of(values))
    for texts in (columns.get(CATEGORIES), target if target.dtype == object else None):
        if texts is not None:
            parts.append([text.encode("utf-8") + b"\0" for text in texts.tolist()])
    return joined_digests(parts[0] if len(parts) == 1 else map(b"".join, zip(*parts, strict=True)))


def ranges(chunks: Iterable[Chunk], names: list[str]) -> dict[str, Range]:
    """Return which numbers are believed: those that were seen, and as much again to both sides.

    A value further off is rather another unit or a code for "unknown" than a new record.
    """
    low, high = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf)
    for chunk in chunks:
        for name in names:
            values = numbers_of(chunk.columns[name])[0] if len(chunk) else np.empty(0)
            numbers = values[~np.isnan(values)]
            if len(numbers):
                low[name], high[name] = min(low[name], numbers.min()), max(high[name], numbers.max())
    found = {}
    for name in names:
        least, most = (low[name], high[name]) if low[name] <= high[name] else (0.0, 0.0)
        span = most - least
        found[name] = Range(min=max(least - span, -MAX_NUMBER), max=min(most + span, MAX_NUMBER))
    return found


def divided(chunk: Chunk, schema: TableSchema, params: Tables) -> tuple[Array, Columns, list[BadRow]]:
    """Return which rows are good, (rows,) of bool, the columns of these, and the bad rows.

    A row is bad where one of its values is, or where it has no target; that a target is right is not looked at.
    """
    if not len(chunk):
        return np.empty(0, bool), {}, []
    columns, wrong = values_of(chunk.columns, params.numeric, params.categorical)
    for name, believed in schema.numeric.items():
        values = columns[NUMBERS][:, params.numeric.index(name)]
        wrong = out_of_range(name, values, believed) | wrong
    no_target = f"missing target: {params.target}"
    targets = map(str.strip, chunk.columns[params.target].tolist())
    wrong |= {row: no_target for row, text in enumerate(targets) if not text}
    keep = np.ones(len(chunk), bool)
    keep[list(wrong)] = False
    bad = [BadRow(str(chunk.sources[row]), wrong[row]) for row in sorted(wrong)]
    return keep, {name: values[keep] for name, values in columns.items()}, bad


def out_of_range(name: str, values: Array, believed: Range) -> dict[int, str]:
    """Say which numbers, (rows,) with NaN for missing, are outside of what the schema believes, by row."""
    expected = f"in {name}, expected {believed.min:g} to {believed.max:g}"
    outside = np.flatnonzero((values < believed.min) | (values > believed.max))
    return {row: f"out of range: {values[row]:g} {expected}" for row in outside.tolist()}
