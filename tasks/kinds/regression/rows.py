"""Tables with a number as target: what may be wrong with a row, and the target's own scale."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.errors import DataError
from tasks.contracts.tables import Tables
from tasks.data import table_features
from tasks.data.records import Array, BadRow, Chunk, Columns
from tasks.data.schema import Range
from tasks.data.splits import by_content, text_digests
from tasks.data.table_features import FEATURES, TableEncoder, parsed
from tasks.data.tables import RECORD, TableSchema, divided, number, ranges, require_believed

__all__ = [
    "RAW",
    "STRATA",
    "TARGET",
    "Encoder",
    "Schema",
    "arranged",
    "contents",
    "fitted",
    "good_rows",
    "observe",
    "parsed",
    "strata",
]

STRATA, TARGET = ("value",), "value"
RAW: tuple[str, ...] = (RECORD,)


class Schema(TableSchema):
    """Rows of numbers and categories with a number as target; `target` are those that are believed."""

    target: Range


def observe(chunks: Iterable[Chunk], kind: str, params: Tables) -> Schema:
    """Describe the readable rows.

    Raises:
        DataError: there are no targets, or all are equal.
    """
    found = ranges(chunks, [*params.numeric, params.target])
    target = found.pop(params.target)
    if target.min == target.max:
        raise DataError(
            got=f"no two different numbers in the target {params.target}",
            expected="targets that vary: there is nothing to learn",
            do="correct preprocess.<role>.target, or bring other data",
        )
    return Schema(kind=kind, numeric=found, categorical=params.categorical, target=target)


def good_rows(chunk: Chunk, schema: Schema, params: Tables) -> tuple[Chunk, list[BadRow]]:
    """Divide a chunk into its good rows, `record` and `value`, and its bad ones."""
    keep, records, bad = divided(chunk, schema, params)
    values, fine = list[float](), list[bool]()
    sources = chunk.sources[keep]
    for source, text in zip(sources, chunk.columns[params.target][keep] if len(chunk) else (), strict=True):
        try:
            value = number(text)
            if value is None:
                raise ValueError(f"missing target: {params.target}")
            require_believed(params.target, value, schema.target)
        except ValueError as error:
            fine.append(False)
            bad.append(BadRow(str(source), str(error)))
            continue
        fine.append(True)
        values.append(value)
    chosen = np.array(fine, bool)
    columns: Columns = {RECORD: records[chosen], TARGET: np.array(values, np.float32)}
    return Chunk(columns, sources[chosen], chunk.given), chunk.unreadable + bad


def contents(chunk: Chunk) -> Array:
    """Return a digest of each row with its target, (rows,) of void: the same row measured twice is no copy."""
    pairs = zip(chunk.columns[RECORD].tolist(), chunk.columns[TARGET].tolist(), strict=True)
    return text_digests(f"{text} {value!r}" for text, value in pairs)


def strata(columns: Columns) -> Array:
    """Return one stratum for all rows, (rows,)."""
    return np.zeros(len(columns[TARGET]), np.int8)


arranged = by_content(strata)


def fitted(train: Callable[[], Iterator[Columns]], schema: Schema, params: Tables, assets: Path) -> dict[str, Any]:
    """Describe the training rows; see `table_features.fitted`. `target_scale` has the target's mean and std.

    Raises:
        DataError: all targets of the training rows are equal.
    """
    count, total, squares = 0, 0.0, 0.0
    for columns in train():
        count, total = count + len(columns[TARGET]), total + float(columns[TARGET].sum(dtype=np.float64))
    mean = total / max(count, 1)
    for columns in train():
        squares += float(np.square(columns[TARGET].astype(np.float64) - mean).sum())
    std = float(np.float32((squares / max(count, 1)) ** 0.5))
    if not std:
        raise DataError(
            got=f"{count} training rows with one target", expected="targets that vary", do="bring more rows"
        )  # fmt: skip
    scale = {"mean": float(np.float32(mean)), "std": std}
    return {**table_features.fitted(train, params, assets), "target_scale": scale}


class Encoder:
    """Good rows as columns on disk."""

    def __init__(self, assets: Path) -> None:
        self._encoder = TableEncoder(assets)

    def encoded(self, columns: Columns) -> Columns:
        """Return `features`, (rows, features) of float32, the records, and `value`, (rows,), where it is known."""
        rest = {name: columns[name] for name in (RECORD, TARGET) if name in columns}
        return {FEATURES: self._encoder.features(columns[RECORD]), **rest}
