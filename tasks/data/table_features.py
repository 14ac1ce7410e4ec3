"""Features of tables: statistics of the training rows turn a row into the numbers that a model is fed.

A row is (features,) of float32: the numbers, missing ones replaced by the training rows' median; then 1 or 0 for each
column that had missing numbers in training, whether this one is; then each category as its index. Of every categorical
column the first index is that of a missing value, the second that of one which training has not seen.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import DataError
from tasks.core.files import read_json, write_json
from tasks.core.params.data import Tables
from tasks.data.records import Array, Columns, Train, objects
from tasks.data.tables import CATEGORIES, NUMBERS, SEPARATOR, Values, values_of

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
    note = partial(described, stride, len(params.numeric), len(params.categorical))
    noted = list(train.map(note, *columns_of(params.numeric, params.categorical)))
    pooled, missing = np.concatenate([each.sample for each in noted]), np.any([each.missing for each in noted], axis=0)
    seen = [sorted(set().union(*values)) for values in zip(*(each.seen for each in noted), strict=True)]
    table = {
        "numeric": [
            {"name": name, "has_missing": bool(missing[index]), **_described(pooled[:, index], name)}
            for index, name in enumerate(params.numeric)
        ],
        "categorical": [
            {"name": name, "values": values} for name, values in zip(params.categorical, seen, strict=True)
        ],
        "target": params.target,
    }
    write_json(assets / COLUMNS, table)
    features = len(params.numeric) + int(missing.sum()) + len(params.categorical)
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

    def kept(self, columns: Columns) -> Columns:
        """Return the columns that features are made of."""
        return {name: columns[name] for name in columns_of(self._numeric, self._categorical)}


def columns_of(numeric: list[Any], categorical: list[Any]) -> list[str]:
    """Return the names of the columns that rows are kept as; see `tables.values_of`."""
    return [name for name, kept in ((NUMBERS, numeric), (CATEGORIES, categorical)) if kept]


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
    values: Values = {name.strip(): value for name, _, value in pairs}
    if len(values) < len(pairs) or set(values) != set(wanted):
        problem = ", ".join(sorted(set(wanted) ^ set(values))) or "a column twice"
        raise DataError(
            got=f"{' '.join(words)!r}, which is wrong in: {problem}",
            expected=" ".join(f"{name}=..." for name in wanted),
            do="write each column once; a value that is missing as `name=`",
        )
    kept, wrong = values_of({name: objects([text]) for name, text in values.items()}, numeric, categorical)
    if wrong:
        raise DataError(got=wrong[0], expected="numbers and categories", do="correct the row")
    return kept


def _described(values: Array, name: str) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    ordered = np.sort(known)  # quantiles of ordered numbers are found several times as fast
    if not len(known):
        raise DataError(
            got=f"no number in the column {name} of the training rows", expected="some",
            do="take it out of preprocess.<role>.numeric and columns",
        )  # fmt: skip
    quantiles = np.unique(np.quantile(ordered, np.linspace(0, 1, QUANTILES)).astype(np.float32))
    return {
        "mean": float(np.float32(known.mean())),
        "std": float(np.float32(known.std())),
        "median": float(np.median(ordered)),
        "quantiles": [float(value) for value in quantiles],
    }
