"""Rows of ratings: their checks, the known items, what was known of a user before each rating."""

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import DataError
from tasks.core.params.data import Ratings
from tasks.data import classes, item_vocabulary
from tasks.data.item_vocabulary import (
    ITEM,
    PAST,
    PAST_RATINGS,
    RATING,
    TIME,
    USER,
    USER_NUMBER,
    ItemVocabulary,
    parsed,
    write_items,
)
from tasks.data.kind_data import KindData
from tasks.data.records import Array, BadRow, Chunk, Columns, Train, objects
from tasks.data.schema import Schema
from tasks.data.splits import Arranged, text_digests
from tasks.data.tables import number
from tasks.kinds.recommendation.settings import Preprocess

TARGET = "truth"  # (rows, 4): index of the item, rating, number of the user, known items in the history
RAW = (PAST, PAST_RATINGS, ITEM)
MAX_ID = 200  # characters
MIN_ITEMS = 2


class RatingSchema(Schema):
    """Ratings of items by users, with a time each; new users and items may come at any time."""

    rating: Ratings


def counted(columns: Columns) -> tuple[Counter[str], float]:
    """Return how often each item is rated, and the sum of the ratings."""
    return Counter(columns[ITEM].tolist()), float(columns[RATING].sum(dtype=np.float64))


class Encoder:
    """Good rows as columns on disk. No column says who the user is: their numbers only say which rows are one's."""

    def __init__(self, assets: Path) -> None:
        self._index = ItemVocabulary(assets)

    def encode(self, columns: Columns) -> Columns:
        """Return the inputs, what they were made of, and `truth`, (rows, 4) of float32, where it is known.

        `history` is (rows, length) of int32, the newest item last, 0 where there is none or an unknown one;
        `history_ratings` (rows, length) of float32, 0 where there is none; `item` (rows, 1) of int32.
        """
        history, ratings = self._index.histories(columns[PAST], columns[PAST_RATINGS])
        item = self._index.of(columns[ITEM])[:, np.newaxis]
        found = {"history": history, "history_ratings": ratings, "item": item, **{name: columns[name] for name in RAW}}
        if RATING in columns:
            truth = [item[:, 0], columns[RATING], columns[USER_NUMBER], (history > 0).sum(axis=1)]
            found[TARGET] = np.stack(truth, axis=1).astype(np.float32)
        return found


def _number(text: str, role: str) -> float:
    try:
        value = number(text)
    except ValueError as error:
        raise ValueError(f"{error} in {role}") from None
    if value is None or not math.isfinite(value):
        raise ValueError(f"missing {role}")
    return value


def _id(text: str, role: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise ValueError(f"missing {role}")
    if len(stripped.split()) > 1 or ":" in stripped or len(stripped) > MAX_ID:
        raise ValueError(f"unusable id: {text[:40]!r} in {role}, expected no space, no colon, {MAX_ID} characters")
    return stripped


class RatingData(KindData[RatingSchema, Preprocess]):
    """Ratings of items by users; what a row's user had rated before it is part of the row."""

    schema = RatingSchema
    target = TARGET
    raw = RAW
    split_columns = (USER, ITEM, RATING, TIME)

    def observe(self, chunks: Iterable[Chunk], kind: str, params: Preprocess) -> RatingSchema:
        """Describe the readable rows.

        Raises:
            DataError: no two ratings are different.
        """
        seen = {text.strip() for chunk in chunks if len(chunk) for text in chunk.columns["rating"].tolist()}
        if len(seen) < 2:
            raise DataError(
                got=f"the ratings {sorted(seen)}", expected="at least two different ones",
                do="correct preprocess.<role>.columns, or bring other data",
            )  # fmt: skip
        return RatingSchema(kind=kind, rating=params.rating)

    def good_rows(self, chunk: Chunk, schema: RatingSchema, params: Preprocess) -> tuple[Chunk, list[BadRow]]:
        """Divide a chunk into its good rows and its bad ones."""
        kept, sources, bad = list[tuple[str, str, float, float]](), list[str](), list[BadRow]()
        roles = [chunk.columns[role].tolist() for role in params.columns] if len(chunk) else []
        for source, *cells in zip(chunk.sources.tolist(), *roles, strict=True) if roles else ():
            values = dict(zip(params.columns, cells, strict=True))
            try:
                rating = _number(values["rating"], "rating")
                if not schema.rating.min <= rating <= schema.rating.max:
                    believed = f"expected {schema.rating.min:g} to {schema.rating.max:g}"
                    raise ValueError(f"out of range: {rating:g} in rating, {believed}")
                time = _number(values["time"], "time")
                kept.append((_id(values["user"], "user"), _id(values["item"], "item"), rating, time))
            except ValueError as error:
                bad.append(BadRow(source, str(error)))
                continue
            sources.append(source)
        columns: Columns = {
            USER: objects([row[0] for row in kept]),
            ITEM: objects([row[1] for row in kept]),
            RATING: np.array([row[2] for row in kept], np.float32),
            TIME: np.array([row[3] for row in kept], np.float64),
        }
        return Chunk(columns, np.array(sources, np.str_), chunk.given), chunk.unreadable + bad

    def content_digests(self, chunk: Chunk) -> Array:
        """Return a digest of each row's user and item, (rows,) of void: the first rating of a pair counts."""
        pairs = zip(chunk.columns[USER].tolist(), chunk.columns[ITEM].tolist(), strict=True)
        return text_digests(f"{user} {item}" for user, item in pairs)  # ids have no spaces

    def strata(self, columns: Columns) -> Array:
        """Return one stratum for all rows, (rows,)."""
        return np.zeros(len(columns[RATING]), np.int8)

    def fit(self, train: Train, schema: RatingSchema, params: Preprocess, assets: Path) -> dict[str, Any]:
        """Find out which items are known: those that enough training rows rate.

        Raises:
            DataError: fewer than two are, or the file of titles cannot be read.
        """
        counts, total = Counter[str](), 0.0
        for items, ratings in train.map(counted, ITEM, RATING):
            counts.update(items)
            total += ratings
        known = sorted((item for item, count in counts.items() if count >= params.min_count), key=classes.place_of)
        if len(known) < MIN_ITEMS:
            raise DataError(
                got=f"{len(known)} items with min_count: {params.min_count} training rows or more, of {len(counts)}",
                expected=f"at least {MIN_ITEMS}", do="lower preprocess.<role>.min_count, or bring more ratings",
            )  # fmt: skip
        rating = {
            "min": schema.rating.min,
            "max": schema.rating.max,
            "mean": float(np.float32(total / max(train.rows, 1))),
        }
        length = params.split.history
        write_items(assets, known, rating, length, params.items)
        return {
            "classes": known,
            "inputs": {
                "history": {"shape": [length], "dtype": "int32"},
                "history_ratings": {"shape": [length], "dtype": "float32"},
                "item": {"shape": [1], "dtype": "int32"},
            },
            "rating": rating,
            "unknown_items": len(counts) - len(known),
        }

    def split_together(self, columns: Columns, digests: Array, given: Array, params: Preprocess) -> Arranged:
        """Divide each user's rows by time, and add to each row what its user had rated before; see `histories.past`."""
        split = params.split
        return Arranged(
            *item_vocabulary.user_histories(columns, split.validation, split.test, split.min_ratings, split.history)
        )

    def encoder(self, assets: Path) -> Encoder:
        """Return what encodes rows by the assets."""
        return Encoder(assets)

    def parse(self, words: list[str], assets: Path) -> Columns:
        """Read a history and an item; see `item_index.parsed`."""
        return parsed(words, assets)


DATA = RatingData()
