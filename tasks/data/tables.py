"""Tables: what may be wrong with a row, and how a good one is kept: its values as a JSON object, by column."""

import json
from collections.abc import Iterable

import numpy as np

from tasks.contracts.section import Section
from tasks.contracts.tables import Tables
from tasks.data.records import Array, BadRow, Chunk, objects
from tasks.data.schema import Range

RECORD = "record"
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})  # of numbers; of categories only the empty text
MAX_NUMBER = float(np.finfo(np.float32).max)

Values = dict[str, str]
Record = dict[str, float | str | None]


class TableSchema(Section):
    """Rows of numbers and categories.

    Attributes:
        numeric: which numbers are believed, by column.
        categorical: the columns of categories; new ones may come at any time.
    """

    kind: str
    numeric: dict[str, Range]
    categorical: list[str]


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


def cleaned(values: Values, numeric: Iterable[str], categorical: Iterable[str]) -> Record:
    """Return the values that a model is fed, None where one is missing.

    Raises:
        ValueError: a number is none; the text is what to tell people.
    """
    kept: Record = {}
    for name in numeric:
        try:
            kept[name] = number(values[name])
        except ValueError as error:
            raise ValueError(f"{error} in {name}") from None
    return kept | {name: values[name].strip() or None for name in categorical}


def as_text(record: Record) -> str:
    """Write a record as a JSON object."""
    return json.dumps(record, ensure_ascii=False)


def ranges(chunks: Iterable[Chunk], names: list[str]) -> dict[str, Range]:
    """Return which numbers are believed: those that were seen, and as much again to both sides.

    A value further off is rather another unit or a code for "unknown" than a new record.
    """
    low, high = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf)
    for chunk in chunks:
        for name in names:
            numbers = readable(chunk.columns[name]) if len(chunk) else np.empty(0)
            if len(numbers):
                low[name], high[name] = min(low[name], numbers.min()), max(high[name], numbers.max())
    found = {}
    for name in names:
        least, most = (low[name], high[name]) if low[name] <= high[name] else (0.0, 0.0)
        span = most - least
        found[name] = Range(min=max(least - span, -MAX_NUMBER), max=min(most + span, MAX_NUMBER))
    return found


def readable(texts: Array) -> Array:
    """Return the numbers among texts, (numbers,) of float64."""
    found = list[float]()
    for text in texts.tolist():
        try:
            value = number(text)
        except ValueError:
            continue
        if value is not None:
            found.append(value)
    return np.array(found, np.float64)


def divided(chunk: Chunk, schema: TableSchema, params: Tables) -> tuple[Array, Array, list[BadRow]]:
    """Return which rows are good, (rows,) of bool, the records of these, (good,) of str objects, and the bad rows.

    A row is bad where one of its values is, or where it has no target; that a target is right is not looked at.
    """
    keep, records, bad = np.full(len(chunk), True), list[str](), list[BadRow]()
    for index in range(len(chunk)):
        values: Values = {name: column[index] for name, column in chunk.columns.items()}
        try:
            if not values[params.target].strip():
                raise ValueError(f"missing target: {params.target}")
            record = cleaned(values, params.numeric, params.categorical)
            for name, believed in schema.numeric.items():
                require_believed(name, record[name], believed)
        except ValueError as error:
            keep[index] = False
            bad.append(BadRow(str(chunk.sources[index]), str(error)))
            continue
        records.append(as_text(record))
    return keep, objects(records), bad


def require_believed(name: str, value: float | str | None, believed: Range) -> None:
    """Refuse a number outside of what the schema believes.

    Raises:
        ValueError: it is; the text is what to tell people.
    """
    if isinstance(value, float) and not believed.min <= value <= believed.max:
        raise ValueError(f"out of range: {value:g} in {name}, expected {believed.min:g} to {believed.max:g}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
