"""Tables: numbers, categories, what is missing in a row, the features that a model is fed.

A row is (features,) of float32: the numbers, missing ones replaced by the training rows' median; then 1 or 0 for each
column that had missing numbers in training, whether this one is; then each category as its index. Of every categorical
column the first index is that of a missing value, the second that of one which training has not seen.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from tasks.core.errors import DataError
from tasks.core.files import read_json, write_json
from tasks.core.params.data import Tables
from tasks.data.names import name_of, names_of
from tasks.data.records import Array, BadRow, Chunk, Columns, Reasons, Train, objects
from tasks.data.schema import Range, Schema
from tasks.data.splits import contents_of, joined_digests

# Of numbers; of categories only the empty text, as NA may be Namibia. The UCI repository writes "?", Excel #N/A.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "#n/a", "<na>"})
MISSING_SPELLINGS = sorted(
    "".join(letters) for word in MISSING for letters in product(*({letter, letter.upper()} for letter in word))
)
POINT = "."
MAX_NUMBER = float(np.finfo(np.float32).max)


THOUSANDS = re.compile(r"\s*[+-]?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?\s*")
DECIMAL_COMMA = re.compile(r"not a number: '\s*[+-]?[0-9.]*,[0-9]+\s*'")


def number(text: str, decimal: str = POINT) -> float | None:
    """Return a number as it was written, None where it is missing.

    Args:
        text: what a cell holds.
        decimal: the sign before the decimals; where it is a comma, points may stand between thousands.

    Raises:
        ValueError: it is none, or too large for a float of 32 bits; the text is what to tell people.
    """
    stripped = text.strip()
    if stripped.casefold() in MISSING:
        return None
    try:
        value = float(_pointed(stripped, decimal).replace("_", "?"))  # Python reads 1_000 as a number
    except ValueError:
        raise ValueError(f"not a number: {_shown(text)}") from None
    if not abs(value) <= MAX_NUMBER:
        raise ValueError(f"out of range of float32: {_shown(text)}")
    return value


def _pointed(text: str, decimal: str) -> str:
    if decimal == POINT:
        return text
    plain = text.replace(POINT, "") if THOUSANDS.fullmatch(text) else text.replace(POINT, "?")
    return plain.replace(decimal, POINT)


def numbers_of(values: Array, decimal: str = POINT) -> tuple[Array, dict[int, str]]:
    """Return the numbers of cells, (rows,) of float64 with NaN for missing, and what is wrong with some, by row.

    Args:
        values: texts, (rows,) of str objects; or numbers that were read as such, (rows,) of float64.
        decimal: see `number`.
    """
    if values.dtype != object:
        return values, {}
    read = _all_numbers(values) if decimal == POINT else None
    if read is not None:
        return read, {}
    found, wrong = np.full(len(values), np.nan), dict[int, str]()
    for row, text in enumerate(values.tolist()):
        try:
            value = number(text, decimal)
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
SEPARATOR = "\x1f"  # stands between the categories of a row; no name has it


Values = dict[str, str]


class TableSchema(Schema):
    """Rows of numbers and categories.

    Attributes:
        columns: name or number in the file of each role; none in a schema of an older version.
        numeric: which numbers are believed, by role.
        categorical: the roles that are categories; new ones may come at any time.
    """

    columns: dict[str, str | int] = Field(default_factory=dict)
    numeric: dict[str, Range]
    categorical: list[str]


def categories_of(columns: list[Array], rows: int) -> Array:
    """Return the categories of each row as one text, (rows,) of str objects, from texts, (rows,) each.

    A category is a name; the empty text stands for a missing one.
    """
    cleaned = [names_of(column.tolist()) for column in columns]
    return objects([SEPARATOR.join(row) for row in zip(*cleaned, strict=True)] if cleaned else [""] * rows)


def values_of(
    columns: Columns, numeric: list[str], categorical: list[str], decimal: str = POINT
) -> tuple[Columns, dict[int, str]]:
    """Return the columns that rows are stored as, and the problems of invalid rows, by row.

    `numbers` is (rows, numeric) of float64, NaN where one is missing; `categories` (rows,) of str objects. Neither is
    there where there are none of them.
    """
    found, wrong = list[Array](), dict[int, str]()
    for name in numeric:
        values, problems = numbers_of(columns[name], decimal)
        found.append(values)
        wrong = {row: f"{problem} in {name}" for row, problem in problems.items()} | wrong
    stored: Columns = {}
    if numeric:
        stored[NUMBERS] = np.stack(found, axis=1)
    if categorical:
        chosen = [columns[name] for name in categorical]
        stored[CATEGORIES] = categories_of(chosen, len(chosen[0]))
    return stored, wrong


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


def ranges(chunks: Iterable[Chunk], names: list[str], decimal: str) -> tuple[dict[str, Range], Reasons]:
    """Return which numbers are believed: those that were seen, and as much again to both sides.

    A value further off is rather another unit or a code for "unknown" than a new record. The second value says which
    cells hold no number.
    """
    low, high, reasons = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf), Reasons()
    for chunk in chunks:
        for name in names:
            values, wrong = numbers_of(chunk.columns[name], decimal) if len(chunk) else (np.empty(0), {})
            reasons.add(BadRow(str(chunk.sources[row]), f"{wrong[row]} in {name}") for row in sorted(wrong))
            numbers = values[~np.isnan(values)]
            if len(numbers):
                low[name], high[name] = min(low[name], numbers.min()), max(high[name], numbers.max())
    found = {}
    for name in names:
        least, most = (low[name], high[name]) if low[name] <= high[name] else (0.0, 0.0)
        span = most - least
        found[name] = Range(min=max(least - span, -MAX_NUMBER), max=min(most + span, MAX_NUMBER))
    return found, reasons


def told(reasons: Reasons) -> str:
    """Say what follows from cells that hold no number, nothing where there are none."""
    return f"; {reasons.counts.total()} cells hold no number {reasons}" if reasons.counts else ""


def remedy(reasons: Reasons) -> str:
    """Say what helps where the cells that hold no number have a comma before the decimals; nothing elsewhere."""
    commas = bool(reasons.first) and all(DECIMAL_COMMA.match(row.reason) for row in reasons.first)
    return 'write `decimal: ","` in preprocess.<role>: the numbers have a comma before their decimals' if commas else ""


def divided(chunk: Chunk, schema: TableSchema, params: Tables) -> tuple[Array, Columns, list[BadRow]]:
    """Return which rows are good, (rows,) of bool, the columns of these, and the bad rows.

    A row is bad where one of its values is, or where it has no target; that a target is right is not looked at.
    """
    if not len(chunk):
        return np.empty(0, bool), {}, []
    columns, wrong = values_of(chunk.columns, params.numbers, params.categories, params.decimal)
    for name, believed in schema.numeric.items():
        values = columns[NUMBERS][:, params.numbers.index(name)]
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


FEATURES, COLUMNS = "features", "columns.json"
MAX_SAMPLE = 200_000  # rows that quantiles are taken of: bounds the memory
QUANTILES = 257
MISSING_INDEX, UNSEEN_INDEX = 0, 1


@dataclass(frozen=True)
class Described:
    """What is noted of some rows.

    Attributes:
        rows: how many.
        sample: numbers of some of them, (sampled, numeric) of float64.
        missing: which numbers are missing in one of them, (numeric,) of bool.
        seen: the different categories, by column.
    """

    rows: int
    sample: Array
    missing: Array
    seen: list[set[str]]


def described(stride: int, numeric: int, categorical: int, columns: Columns) -> Described:
    """Note what is needed of some rows, of the numbers those of every row of a stride."""
    numbers = columns[NUMBERS] if numeric else np.empty((len(columns[CATEGORIES]), 0))
    seen = [set(values) - {""} for values in categories_in(columns.get(CATEGORIES), categorical)]
    return Described(len(numbers), numbers[::stride].copy(), np.asarray(np.isnan(numbers).any(axis=0)), seen)


def fitted(train: Train, params: Tables, assets: Path) -> dict[str, Any]:
    """Describe the columns by the training rows, and write what a device needs of that.

    Returns:
        `inputs`; `table`: `numeric` has for each column `name`, `mean`, `std`, `median`, `has_missing` and `quantiles`,
        from the least to the greatest; `categorical` has `name` and `values`; `target` the name.
    """
    stride = max(1, -(-train.rows // MAX_SAMPLE))
    note = partial(described, stride, len(params.numbers), len(params.categories))
    noted = list(train.map(note, *columns_of(params.numbers, params.categories)))
    pooled, missing = np.concatenate([each.sample for each in noted]), np.any([each.missing for each in noted], axis=0)
    seen = [sorted(set().union(*values)) for values in zip(*(each.seen for each in noted), strict=True)]
    table = {
        "numeric": [
            {"name": name, "has_missing": bool(missing[index]), **_described(pooled[:, index], name)}
            for index, name in enumerate(params.numbers)
        ],
        "categorical": [{"name": name, "values": values} for name, values in zip(params.categories, seen, strict=True)],
        "target": params.target,
    }
    write_json(assets / COLUMNS, table)
    features = len(params.numbers) + int(missing.sum()) + len(params.categories)
    return {"inputs": {FEATURES: {"shape": [features], "dtype": "float32"}}, "table": table}


class TableEncoder:
    """Records as the features of a model; see the module."""

    def __init__(self, assets: Path) -> None:
        table = read_json(assets / COLUMNS)
        self._numeric, self._categorical = table["numeric"], table["categorical"]
        self._index = [
            {value: number for number, value in enumerate(column["values"], start=UNSEEN_INDEX + 1)}
            for column in self._categorical
        ]

    def features(self, columns: Columns) -> Array:
        """Return (rows, features) of float32 for `numbers` and `categories`; see `tables.values_of`."""
        rows = len(columns[NUMBERS] if self._numeric else columns[CATEGORIES])
        numbers = columns[NUMBERS] if self._numeric else np.empty((rows, 0))
        absent = np.isnan(numbers)
        missing_flags = absent[:, [bool(column["has_missing"]) for column in self._numeric]]
        medians = np.array([column["median"] for column in self._numeric], np.float64)
        categories = categories_in(columns.get(CATEGORIES), len(self._categorical))
        indices = [
            [index.get(value, UNSEEN_INDEX) if value else MISSING_INDEX for value in column]
            for index, column in zip(self._index, categories, strict=True)
        ]
        parts = [np.where(absent, medians, numbers), missing_flags, np.array(indices, np.float64).reshape(-1, rows).T]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def stored(self, columns: Columns) -> Columns:
        """Return the columns that features are made of."""
        return {name: columns[name] for name in columns_of(self._numeric, self._categorical)}


def columns_of(numeric: list[Any], categorical: list[Any]) -> list[str]:
    """Return the names of the columns that rows are stored as; see `tables.values_of`."""
    return [name for name, stored in ((NUMBERS, numeric), (CATEGORIES, categorical)) if stored]


def categories_in(texts: Array | None, count: int) -> list[list[str]]:
    """Return the categories of rows, column by column, from one text for each row."""
    if texts is None or not count:
        return []
    if count == 1:
        return [texts.tolist()]
    rows = [text.split(SEPARATOR) for text in texts.tolist()]
    return [[row[place] for row in rows] for place in range(count)]


def parsed(words: list[str], assets: Path) -> Columns:
    """Read a row, written as `name=value` for each column, a missing value as `name=`.

    Raises:
        DataError: a column is unknown, not there or there twice, or a number is none.
    """
    table = read_json(assets / COLUMNS)
    numeric, categorical = ([column["name"] for column in table[part]] for part in ("numeric", "categorical"))
    wanted = [*numeric, *categorical]
    pairs = [word.partition("=") for word in words]
    values: Values = {name_of(name): value for name, _, value in pairs}
    if len(values) < len(pairs) or set(values) != set(wanted):
        problem = ", ".join(sorted(set(wanted) ^ set(values))) or "a column twice"
        raise DataError(
            got=f"{' '.join(words)!r}, which is wrong in: {problem}",
            expected=" ".join(f"{name}=..." for name in wanted),
            do="write each column once; write a missing value as `name=`",
        )
    stored, wrong = values_of({name: objects([text]) for name, text in values.items()}, numeric, categorical)
    if wrong:
        raise DataError(got=wrong[0], expected="numbers and categories", do="correct the row")
    return stored


def _described(values: Array, name: str) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    ordered = np.sort(known)  # quantiles of ordered numbers are found several times as fast
    if not len(known):
        raise DataError(
            got=f"no number in the column {name} of the training rows",
            do="remove the column from preprocess.<role>.numeric and columns, or name it in ignore",
        )  # fmt: skip
    quantiles = np.unique(np.quantile(ordered, np.linspace(0, 1, QUANTILES)).astype(np.float32))
    return {
        "mean": float(np.float32(known.mean())),
        "std": float(np.float32(known.std())),
        "median": float(np.median(ordered)),
        "quantiles": [float(value) for value in quantiles],
    }
