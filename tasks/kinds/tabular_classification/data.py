"""Rows of tables with a class as target."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.params.data import Tables
from tasks.data import classes, column_types, tables
from tasks.data.names import names_of
from tasks.data.records import Array, BadRow, Chunk, Columns, Train, objects
from tasks.data.schema import KindData
from tasks.data.tables import CATEGORIES, FEATURES, NUMBERS, TableEncoder, TableSchema, digests_of, divided, ranges

TARGET = "label"


class ClassTableSchema(TableSchema):
    """Rows of numbers and categories with a class as target."""

    classes: list[str]


def labels_of(columns: Columns) -> set[str]:
    """Return the different class names."""
    return set(columns[TARGET].tolist())


class Encoder:
    """Good rows as columns on disk."""

    def __init__(self, assets: Path) -> None:
        self._encoder, self._classes = TableEncoder(assets), classes.read(assets)

    def encode(self, columns: Columns) -> Columns:
        """Return `features`, (rows, features) of float32, what they were made of, and `label` as int32, if known."""
        found = {FEATURES: self._encoder.features(columns), **self._encoder.stored(columns)}
        if TARGET in columns:
            found[TARGET] = classes.numbered(columns[TARGET], self._classes)
        return found


def _class_names(chunk: Chunk, params: Tables) -> list[str]:
    return names_of(chunk.columns[params.target].tolist()) if len(chunk) else []


class TableData(KindData[ClassTableSchema, Tables]):
    """Tables with a class as target."""

    schema = ClassTableSchema
    target = TARGET
    raw = (NUMBERS, CATEGORIES)

    def observe(self, chunks: Iterable[Chunk], kind: str, params: Tables) -> ClassTableSchema:
        """Describe the readable rows.

        Raises:
            DataError: there are fewer than two classes.
        """
        names = set[str]()

        def noted() -> Iterator[Chunk]:
            for chunk in chunks:
                names.update(_class_names(chunk, params))
                yield chunk

        numeric, _ = ranges(noted(), params.numbers, params.decimal)
        return ClassTableSchema(
            kind=kind,
            columns=params.columns,
            numeric=numeric,
            categorical=params.categories,
            classes=classes.in_order(names - {""}),
        )

    def good_rows(self, chunk: Chunk, schema: ClassTableSchema, params: Tables) -> tuple[Chunk, list[BadRow]]:
        """Divide a chunk into its good rows, `numbers`, `categories` and `label`, and its bad ones."""
        if not len(chunk):
            return chunk, chunk.unreadable
        keep, columns, bad = divided(chunk, schema, params)
        names = objects(_class_names(chunk, params))[keep]
        known = np.array([name in schema.classes for name in names.tolist()], bool)
        sources = chunk.sources[keep]
        for row in np.flatnonzero(~known).tolist():
            bad.append(BadRow(str(sources[row]), f"unknown class: {names[row]!r}"))
        good = {**{name: each[known] for name, each in columns.items()}, TARGET: names[known]}
        return Chunk(good, sources[known], chunk.given), chunk.unreadable + bad

    def completed(self, params: Tables, schema: ClassTableSchema) -> Tables:
        """Return params with the columns and types that the schema records, where params leave them open."""
        return column_types.completed(params, schema)

    def content_digests(self, chunk: Chunk) -> Array:
        """Return a digest of each row with its class, (rows,) of void: equal values of two classes are no copies."""
        return digests_of(chunk.columns, chunk.columns[TARGET])

    def strata(self, columns: Columns) -> Array:
        """Return what a split takes its fractions of: the classes, (rows,) of str."""
        return columns[TARGET].astype(np.str_)

    def fit(self, train: Train, schema: ClassTableSchema, params: Tables, assets: Path) -> dict[str, Any]:
        """Describe the training rows; see `table_features.fitted`.

        Raises:
            DataError: a class has none.
        """
        classes.require_rows(train.map(labels_of, TARGET), schema.classes)
        classes.write(assets, schema.classes)
        return {"classes": schema.classes, **tables.fitted(train, params, assets)}

    def encoder(self, assets: Path) -> Encoder:
        """Return what encodes rows by the assets."""
        return Encoder(assets)

    def parse(self, words: list[str], assets: Path) -> Columns:
        """Read a row, written as `name=value` for each column; see `table_features.parsed`."""
        return tables.parsed(words, assets)


DATA = TableData()
