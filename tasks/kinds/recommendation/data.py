"""Rows of ratings: their checks, the item vocabulary, the history that a user had before each rating."""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import DataError
from tasks.core.files import read_json, write_json
from tasks.core.params.data import Items, Ratings
from tasks.core.progress import say
from tasks.data import classes
from tasks.data.names import name_of, spelled
from tasks.data.records import Array, BadRow, Chunk, Columns, Reasons, Train, objects
from tasks.data.schema import KindData, Schema
from tasks.data.split_keys import time_of
from tasks.data.splits import Arranged, keyed, text_digests
from tasks.data.tables import number, numbers_of, told
from tasks.data.text_lines import FileChunk, lines_of
from tasks.data.text_records import SEPARATORS
from tasks.kinds.recommendation import Preprocess

USER, ITEM, RATING, TIME = "user", "item_id", "rating", "time"
PAST, PAST_RATINGS, USER_NUMBER = "past", "past_ratings", "user_number"


def user_histories(
    columns: Columns, validation: float, test: float, min_ratings: int, length: int
) -> tuple[Array, Columns]:
    """Go through each user's ratings in the order of their times, and of the file where these are equal.

    What came before counts whatever split it is in: a device knows it at that time.

    Args:
        columns: `user` and `item_id`, (rows,) of str objects, `rating` and `time`, (rows,).
        validation: fraction of a user's ratings, before the test's.
        test: fraction of a user's ratings, the last.
        min_ratings: a user with fewer trains alone.
        length: how many of a user's last ratings before a row are its history.

    Returns:
        The split of each row, (rows,) of str, and columns: `past`, the ids, and `past_ratings`, joined by spaces, the
        newest last; `user_number`, (rows,) of int32.
    """
    _, users = np.unique(columns[USER].astype(np.str_), return_inverse=True)
    order = np.lexsort((np.arange(len(users)), columns[TIME], users))
    bounds = [0, *(np.flatnonzero(np.diff(users[order])) + 1).tolist(), len(order)]
    items, ratings = columns[ITEM], [f"{value}" for value in columns[RATING]]
    splits = np.full(len(users), "train", "<U10")
    joined = [""] * len(users), [""] * len(users)
    for start, end in pairwise(bounds):
        own = order[start:end].tolist()
        splits[own] = _by_time(len(own), validation, test, min_ratings)
        names = [items[row] for row in own], [ratings[row] for row in own]
        for place, row in enumerate(own):
            for texts, known in zip(joined, names, strict=True):
                texts[row] = " ".join(known[max(0, place - length) : place])
    return splits, {
        PAST: objects(joined[0]),
        PAST_RATINGS: objects(joined[1]),
        USER_NUMBER: users.astype(np.int32),
    }


def _by_time(rows: int, validation: float, test: float, min_ratings: int) -> Array:
    """Return the splits of one user's rows, in the order of their times."""
    splits = np.full(rows, "train", "<U10")
    if rows < min_ratings:
        return splits
    tested, stopped = round(test * rows), round(validation * rows)
    splits[rows - tested - stopped : rows - tested] = "validation"
    splits[rows - tested :] = "test"
    return splits


ITEMS = "items.json"
KEYS = ("history", "item")
SHOWN = 10
MAX_ID = 200  # characters
ESCAPED = re.compile(r"[ :]|%(?=[0-9A-F]{2})")
HOW = 'history="318:5 296" item=593: ids, the newest last, each with its rating where there is one'


def write_items(assets: Path, known: list[str], rating: dict[str, float], length: int, items: Items | None) -> None:
    """Write what a device needs; of a file of titles that lies in `assets` those of the known items stay.

    Raises:
        DataError: the file cannot be read, or lacks a column.
    """
    titles = dict[str, str]()
    if items:
        beside = assets / items.file
        titles = _titles(beside, items)
        beside.unlink(missing_ok=True)
    classes.write(assets, known)
    known_titles = {item: titles[item] for item in known if item in titles}
    write_json(assets / ITEMS, {"history": length, "rating": rating, "titles": known_titles})


class ItemVocabulary:
    """Ids and titles of the known items, by their numbers from 1."""

    def __init__(self, assets: Path) -> None:
        metadata = read_json(assets / ITEMS)
        self.length, self.rating = int(metadata["history"]), metadata["rating"]
        self._titles: dict[str, str] = metadata["titles"]
        self._ids = classes.read(assets)
        self._index = {item: number for number, item in enumerate(self._ids, start=1)}

    def of(self, ids: Array) -> Array:
        """Return the numbers of ids, (rows,) of str objects, as (rows,) of int32."""
        return np.array([self._index.get(item, 0) for item in ids.tolist()], np.int32)

    def unknown(self, ids: list[str]) -> list[str]:
        """Return those ids that no known item has."""
        return [item for item in ids if item not in self._index]

    def title(self, number: int) -> str:
        """Return what people call an item, its id where it has no title."""
        item = self._ids[number - 1]
        return self._titles.get(item) or re.sub("%([0-9A-F]{2})", lambda code: chr(int(code[1], 16)), item)

    def histories(self, past: Array, ratings: Array) -> tuple[Array, Array]:
        """Return (rows, length) of int32 and of float32 for ids and ratings, joined by spaces, the newest last.

        They are filled with 0 from the left; older items are cut off.
        """
        numbers = np.zeros((len(past), self.length), np.int32)
        given = np.zeros((len(past), self.length), np.float32)
        for row, (names, values) in enumerate(zip(past.tolist(), ratings.tolist(), strict=True)):
            last = names.split()[-self.length :]
            if last:
                numbers[row, -len(last) :] = [self._index.get(item, 0) for item in last]
                given[row, -len(last) :] = np.array(values.split()[-self.length :], np.float32)
        return numbers, given


def parsed(words: list[str], assets: Path) -> Columns:
    """Read a history and an item, named on the command line; ids that are not known are said.

    Raises:
        DataError: a name or a rating is none.
    """
    pairs = [word.partition("=") for word in words]
    values = {name.strip(): value.split() for name, _, value in pairs}
    if len(values) < len(pairs) or not set(values) <= set(KEYS) or "history" not in values:
        raise DataError(
            got=" ".join(words), expected=HOW, do="write the row like this; `history=` stands for a new user"
        )
    index = ItemVocabulary(assets)
    history, item = values["history"], values.get("item", [])
    if len(item) > 1:
        raise DataError(got=f"item={' '.join(item)}", expected="one item", do="predict one item at a time")
    past = [entry.partition(":") for entry in history]
    ratings = [_rating(text, index.rating) for _, _, text in past]
    if unknown := index.unknown([name for name, _, _ in past] + item):
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        say(f"unknown items: {', '.join(unknown[:SHOWN])}{more}")
    return {
        PAST: objects([" ".join(name for name, _, _ in past)]),
        PAST_RATINGS: objects([" ".join(ratings)]),
        ITEM: objects(item or [""]),
    }


def _rating(text: str, rating: dict[str, Any]) -> str:
    """Return a rating as it is stored, 0 where none is given: a scale that begins at 0 or below is moved up."""
    if not text:
        return "0"
    offset = rating.get("offset", 0.0)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not rating["min"] <= value + offset <= rating["max"]:
        raise DataError(
            got=f"the rating {text!r}",
            expected=f"a rating from {rating['min'] - offset:g} to {rating['max'] - offset:g}",
            do=f"write the row as {HOW}",
        )
    return f"{value + offset:g}" if offset else text


def _titles(path: Path, items: Items) -> dict[str, str]:
    """Read titles by the ids of items, from a file with any separator; with names of columns, or without.

    Raises:
        DataError: the file lacks a column, or a line cannot be read.
    """
    lines = list(lines_of(FileChunk(path)))
    first = next((line for line in lines if line.strip()), "")
    separator = "::" if "::" in first else max(SEPARATORS, key=first.count)
    try:
        if len(separator) > 1:
            rows = [line.rstrip("\r\n").split(separator) for line in lines]
        else:
            rows = [*csv.reader(lines, delimiter=separator, strict=True)]
        names = list(map(name_of, rows.pop(0))) if isinstance(items.id, str) else []
        places = [names.index(name_of(place)) if isinstance(place, str) else place for place in (items.id, items.title)]
        return {id_of(row[places[0]]): spelled(row[places[1]]) for row in rows if row}
    except (csv.Error, ValueError, IndexError) as error:
        raise DataError(
            got=f"{path.name}: {error}", expected=f"a text file with the columns {items.id} and {items.title}",
            do="correct preprocess.<role>.items",
        ) from None  # fmt: skip


TARGET = "truth"  # (rows, 4): index of the item, rating, number of the user, known items in the history
RAW = (PAST, PAST_RATINGS, ITEM)
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


def id_of(text: str) -> str:
    """Return the id of an item or user as it is stored: spaces and colons, which mean something in a history, escaped.

    Raises:
        ValueError: it is empty, or too long.
    """
    name = name_of(text)
    if not name or len(name) > MAX_ID:
        raise ValueError(f"unusable id: {name[:40]!r}, expected 1 to {MAX_ID} characters" if name else "missing")
    return ESCAPED.sub(lambda sign: f"%{ord(sign[0]):02X}", name)


def _id(text: str, role: str) -> str:
    try:
        return id_of(text)
    except ValueError as error:
        raise ValueError(f"missing {role}" if str(error) == "missing" else f"{error} in {role}") from None


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
        seen, reasons = set[float](), Reasons()
        for chunk in chunks:
            values, wrong = numbers_of(chunk.columns[RATING]) if len(chunk) else (np.empty(0), {})
            reasons.add(BadRow(str(chunk.sources[row]), f"{wrong[row]} in rating") for row in sorted(wrong))
            seen.update(np.unique(values[~np.isnan(values)]).tolist())
        if len(seen) < 2:
            raise DataError(
                got=f"the ratings {sorted(seen)}{told(reasons)}", expected="at least two different ones",
                do="correct preprocess.<role>.columns, or bring other data",
            )  # fmt: skip
        scale = params.rating or Ratings(min=min(seen), max=max(seen))
        if not params.rating:
            say(f"ratings from {scale.min:g} to {scale.max:g}: the scale, if params state no other")
        return RatingSchema(kind=kind, rating=scale)

    def good_rows(self, chunk: Chunk, schema: RatingSchema, params: Preprocess) -> tuple[Chunk, list[BadRow]]:
        """Divide a chunk into its good rows and its bad ones."""
        good, sources, bad = list[tuple[str, str, float, float]](), list[str](), list[BadRow]()
        offset = schema.rating.offset
        roles = [chunk.columns[role].tolist() for role in params.columns] if len(chunk) else []
        for source, *cells in zip(chunk.sources.tolist(), *roles, strict=True) if roles else ():
            values = dict(zip(params.columns, cells, strict=True))
            try:
                rating = _number(values["rating"], "rating")
                if not schema.rating.min <= rating <= schema.rating.max:
                    believed = f"expected {schema.rating.min:g} to {schema.rating.max:g}"
                    raise ValueError(f"out of range: {rating:g} in rating, {believed}")
                time = time_of(values["time"]) if "time" in values else 0.0
                good.append((_id(values["user"], "user"), _id(values["item"], "item"), rating + offset, time))
            except ValueError as error:
                bad.append(BadRow(source, str(error)))
                continue
            sources.append(source)
        columns: Columns = {
            USER: objects([row[0] for row in good]),
            ITEM: objects([row[1] for row in good]),
            RATING: np.array([row[2] for row in good], np.float32),
            TIME: np.array([row[3] for row in good], np.float64),
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
        offset = schema.rating.offset
        rating = {
            "min": schema.rating.min + offset,
            "max": schema.rating.max + offset,
            "mean": float(np.float32(total / max(train.rows, 1))),
            "offset": offset,
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
        """Divide each user's rows by time, and add to each row what its user had rated before; see `user_histories`."""
        split = params.split
        if "time" not in params.columns:
            if split.order == "random":
                columns = columns | {TIME: keyed(digests, split.seed)}
            told_order = "by chance" if split.order == "random" else "as they stand in the file"
            say(f"preprocess: no column of times: each user's ratings are in an order {told_order} (split.order)")
        return Arranged(*user_histories(columns, split.validation, split.test, split.min_ratings, split.history))

    def encoder(self, assets: Path) -> Encoder:
        """Return what encodes rows by the assets."""
        return Encoder(assets)

    def parse(self, words: list[str], assets: Path) -> Columns:
        """Read a history and an item; see `item_index.parsed`."""
        return parsed(words, assets)


DATA = RatingData()
