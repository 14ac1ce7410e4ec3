"""What the training rows of a table say of its columns, and rows as the numbers that a model is fed.

A row is (features,) of float32: the numbers, missing ones replaced by the training rows' median; then 1 or 0 for each
column that had missing numbers in training, whether this one is; then each category as its index. Of every categorical
column the first index is that of a missing value, the second that of one which training has not seen.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json, write_json
from tasks.contracts.tables import Tables
from tasks.data.records import Array, Columns, objects
from tasks.data.tables import RECORD, Values, as_text, cleaned

FEATURES, COLUMNS = "features", "columns.json"
MAX_SAMPLE = 200_000  # rows that quantiles are taken of: bounds the memory
QUANTILES = 257
MISSING_INDEX, UNSEEN_INDEX = 0, 1

Train = Callable[[], Iterator[Columns]]


def fitted(train: Train, params: Tables, assets: Path) -> dict[str, Any]:
    """Describe the columns by the training rows, and write what a device needs of that.

    Returns:
        `inputs`; `table`: `numeric` has for each column `name`, `mean`, `std`, `median`, `has_missing` and `quantiles`,
        from the least to the greatest; `categorical` has `name` and `values`; `target` the name.
    """
    stride = max(1, -(-sum(len(columns[RECORD]) for columns in train()) // MAX_SAMPLE))
    sample, missing, seen = list[Array](), np.zeros(len(params.numeric), bool), [set[str]() for _ in params.categorical]
    start = 0
    for columns in train():
        numbers, categories = parsed_records(columns[RECORD], params.numeric, params.categorical)
        missing |= np.isnan(numbers).any(axis=0)
        sample.append(numbers[-start % stride :: stride])
        start += len(numbers)
        for values, column in zip(seen, categories, strict=True):
            values.update(value for value in column if value is not None)
    pooled = np.concatenate(sample)
    table = {
        "numeric": [
            {"name": name, "has_missing": bool(missing[index]), **_described(pooled[:, index], name)}
            for index, name in enumerate(params.numeric)
        ],
        "categorical": [
            {"name": name, "values": sorted(values)} for name, values in zip(params.categorical, seen, strict=True)
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

    def features(self, records: Array) -> Array:
        """Return (rows, features) of float32 for records, (rows,) of str objects."""
        names = [[column["name"] for column in columns] for columns in (self._numeric, self._categorical)]
        numbers, categories = parsed_records(records, *names)
        absent = np.isnan(numbers)
        told = absent[:, [column["has_missing"] for column in self._numeric]]
        medians = np.array([column["median"] for column in self._numeric], np.float64)
        indices = np.array(
            [
                [MISSING_INDEX if value is None else index.get(value, UNSEEN_INDEX) for value in column]
                for index, column in zip(self._index, categories, strict=True)
            ],
            np.float64,
        ).reshape(len(self._categorical), len(records))
        return np.concatenate([np.where(absent, medians, numbers), told, indices.T], axis=1).astype(np.float32)


def parsed_records(records: Array, numeric: list[str], categorical: list[str]) -> tuple[Array, list[list[str | None]]]:
    """Return numbers, (rows, numeric) of float64 with NaN for missing, and the categories column by column."""
    rows = [json.loads(text) for text in records.tolist()]
    numbers = np.array([[row.get(name) for name in numeric] for row in rows], np.float64)
    return numbers.reshape(len(rows), len(numeric)), [[row.get(name) for row in rows] for name in categorical]


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
    try:
        return {RECORD: objects([as_text(cleaned(values, numeric, categorical))])}
    except ValueError as error:
        raise DataError(got=str(error), expected="numbers and categories", do="correct the row") from None


def _described(values: Array, name: str) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    if not len(known):
        raise DataError(
            got=f"no number in the column {name} of the training rows", expected="some",
            do="take it out of preprocess.<role>.numeric and columns",
        )  # fmt: skip
    quantiles = np.unique(np.quantile(known, np.linspace(0, 1, QUANTILES)).astype(np.float32))
    return {
        "mean": float(np.float32(known.mean())),
        "std": float(np.float32(known.std())),
        "median": float(np.median(known)),
        "quantiles": [float(value) for value in quantiles],
    }
