"""Rows of tables with a number as target: their checks, the scale of the target."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import DataError
from tasks.core.params.data import Tables
from tasks.data import column_types, tables
from tasks.data.records import Array, BadRow, Chunk, Columns, Train
from tasks.data.schema import KindData, Range
from tasks.data.tables import (
    CATEGORIES,
    FEATURES,
    NUMBERS,
    TableEncoder,
    TableSchema,
    digests_of,
    divided,
    numbers_of,
    out_of_range,
    ranges,
)

TARGET = "value"


class RegressionSchema(TableSchema):
    """Rows of numbers and categories with a number as target; `target` are those that are believed."""

    target: Range


def summed(columns: Columns) -> float:
    """Return the sum of the targets."""
    return float(columns[TARGET].sum(dtype=np.float64))


def summed_squares(mean: float, columns: Columns) -> float:
    """Return the sum of the targets' squared distances from a number."""
    return float(np.square(columns[TARGET].astype(np.float64) - mean).sum())


class Encoder:
    """Good rows as columns on disk."""

    def __init__(self, assets: Path) -> None:
        self._encoder = TableEncoder(assets)

    def encode(self, columns: Columns) -> Columns:
        """Return `features`, (rows, features) of float32, what they were made of, and `value`, (rows,), if known."""
        rest = {TARGET: columns[TARGET]} if TARGET in columns else {}
        return {FEATURES: self._encoder.features(columns), **self._encoder.stored(columns), **rest}


class RegressionData(KindData[RegressionSchema, Tables]):
    """Tables with a number as target."""

    schema = RegressionSchema
    target = TARGET
    raw = (NUMBERS, CATEGORIES)

    def observe(self, chunks: Iterable[Chunk], kind: str, params: Tables) -> RegressionSchema:
        """Describe the readable rows.

        Raises:
            DataError: there are no targets, or all are equal.
        """
        found, reasons = ranges(chunks, [*params.numbers, params.target], params.decimal)
        target = found.pop(params.target)
        if target.min == target.max:
            raise DataError(
                got=f"no two different numbers in the target {params.target}{tables.told(reasons)}",
                do=tables.remedy(reasons)
                or "correct preprocess.<role>.target, or use other data: nothing can be learnt",
            )
        return RegressionSchema(
            kind=kind, columns=params.columns, numeric=found, categorical=params.categories, target=target
        )

    def good_rows(self, chunk: Chunk, schema: RegressionSchema, params: Tables) -> tuple[Chunk, list[BadRow]]:
        """Divide a chunk into its good rows, `numbers`, `categories` and `value`, and its bad ones."""
        if not len(chunk):
            return chunk, chunk.unreadable
        keep, columns, bad = divided(chunk, schema, params)
        values, wrong = numbers_of(chunk.columns[params.target][keep], params.decimal)
        no_target = f"missing target: {params.target}"
        wrong = dict.fromkeys(np.flatnonzero(np.isnan(values)).tolist(), no_target) | wrong
        wrong |= out_of_range(params.target, values, schema.target)
        sources, fine = chunk.sources[keep], np.ones(len(values), bool)
        fine[list(wrong)] = False
        bad += [BadRow(str(sources[row]), wrong[row]) for row in sorted(wrong)]
        good = {**{name: each[fine] for name, each in columns.items()}, TARGET: values[fine].astype(np.float32)}
        return Chunk(good, sources[fine], chunk.given), chunk.unreadable + bad

    def completed(self, params: Tables, schema: RegressionSchema) -> Tables:
        """Return params with the columns and types that the schema records, where params leave them open."""
        return column_types.completed(params, schema)

    def content_digests(self, chunk: Chunk) -> Array:
        """Return a digest of each row with its target, (rows,) of void: the same row measured twice is no copy."""
        return digests_of(chunk.columns, chunk.columns[TARGET])

    def strata(self, columns: Columns) -> Array:
        """Return one stratum for all rows, (rows,)."""
        return np.zeros(len(columns[TARGET]), np.int8)

    def fit(self, train: Train, schema: RegressionSchema, params: Tables, assets: Path) -> dict[str, Any]:
        """Describe the training rows; see `table_features.fitted`. `target_scale` has the target's mean and std.

        Raises:
            DataError: all targets of the training rows are equal.
        """
        mean = sum(train.map(summed, TARGET)) / max(train.rows, 1)
        squares = sum(train.map(partial(summed_squares, mean), TARGET))
        std = float(np.float32((squares / max(train.rows, 1)) ** 0.5))
        if not std:
            raise DataError(
                got=f"{train.rows} training rows with the same target", do="add rows with other targets"
            )  # fmt: skip
        scale = {"mean": float(np.float32(mean)), "std": std}
        return {**tables.fitted(train, params, assets), "target_scale": scale}

    def encoder(self, assets: Path) -> Encoder:
        """Return what encodes rows by the assets."""
        return Encoder(assets)

    def parse(self, words: list[str], assets: Path) -> Columns:
        """Read a row, written as `name=value` for each column; see `table_features.parsed`."""
        return tables.parsed(words, assets)


DATA = RegressionData()
