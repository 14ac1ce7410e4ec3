"""Tables with a class as target: what may be wrong with a row."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.tables import Tables
from tasks.data import classes, table_features
from tasks.data.records import Array, BadRow, Chunk, Columns, objects
from tasks.data.splits import by_content, text_digests
from tasks.data.table_features import FEATURES, TableEncoder, parsed
from tasks.data.tables import RECORD, TableSchema, divided, ranges

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

STRATA, TARGET = ("label",), "label"
RAW: tuple[str, ...] = (RECORD,)


class Schema(TableSchema):
    """Rows of numbers and categories with a class as target."""

    classes: list[str]


def observe(chunks: Iterable[Chunk], kind: str, params: Tables) -> Schema:
    """Describe the readable rows.

    Raises:
        DataError: there are fewer than two classes.
    """
    names = set[str]()

    def noted() -> Iterator[Chunk]:
        for chunk in chunks:
            names.update(_class_names(chunk, params))
            yield chunk

    numeric = ranges(noted(), params.numeric)
    return Schema(
        kind=kind, numeric=numeric, categorical=params.categorical, classes=classes.in_order(names - {""})
    )  # fmt: skip


def good_rows(chunk: Chunk, schema: Schema, params: Tables) -> tuple[Chunk, list[BadRow]]:
    """Divide a chunk into its good rows, `record` and `label`, and its bad ones."""
    keep, records, bad = divided(chunk, schema, params)
    names = np.array(_class_names(chunk, params), object)[keep]
    known = np.array([name in schema.classes for name in names], bool)
    sources = chunk.sources[keep]
    for index in np.flatnonzero(~known):
        bad.append(BadRow(str(sources[index]), f"unknown class: {names[index]!r}"))
    columns: Columns = {RECORD: records[known], TARGET: objects(names[known].tolist())}
    return Chunk(columns, sources[known], chunk.given), chunk.unreadable + bad


def contents(chunk: Chunk) -> Array:
    """Return a digest of each row with its class, (rows,) of void: equal values of two classes are no copies."""
    pairs = zip(chunk.columns[RECORD].tolist(), chunk.columns[TARGET].tolist(), strict=True)
    return text_digests(f"{text} {name}" for text, name in pairs)


def strata(columns: Columns) -> Array:
    """Return what a split takes its fractions of: the classes, (rows,) of str."""
    return columns[TARGET].astype(np.str_)


arranged = by_content(strata)


def fitted(train: Callable[[], Iterator[Columns]], schema: Schema, params: Tables, assets: Path) -> dict[str, Any]:
    """Describe the training rows; see `table_features.fitted`.

    Raises:
        DataError: a class has none.
    """
    classes.require_rows((columns[TARGET] for columns in train()), schema.classes)
    classes.write(assets, schema.classes)
    return {"classes": schema.classes, **table_features.fitted(train, params, assets)}


class Encoder:
    """Good rows as columns on disk."""

    def __init__(self, assets: Path) -> None:
        self._encoder, self._classes = TableEncoder(assets), classes.read(assets)

    def encoded(self, columns: Columns) -> Columns:
        """Return `features`, (rows, features) of float32, the records, and `label` as int32 where there are classes."""
        found = {FEATURES: self._encoder.features(columns[RECORD]), RECORD: columns[RECORD]}
        if TARGET in columns:
            found[TARGET] = classes.numbered(columns[TARGET], self._classes)
        return found


def _class_names(chunk: Chunk, params: Tables) -> list[str]:
    return [name.strip() for name in chunk.columns[params.target].tolist()] if len(chunk) else []
