"""Items as numbers: what a bundle has of them, and the histories that it makes of ids. Index 0 is an unknown item."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json, write_json
from tasks.contracts.progress import say
from tasks.contracts.ratings import Items
from tasks.data import classes
from tasks.data.histories import ITEM, PAST, PAST_RATINGS
from tasks.data.records import Array, Columns, objects

FACTS = "items.json"
KEYS = ("history", "item")
SHOWN = 10
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
    kept = {item: titles[item] for item in known if item in titles}
    write_json(assets / FACTS, {"history": length, "rating": rating, "titles": kept})


class ItemIndex:
    """Ids and titles of the known items, by their numbers from 1."""

    def __init__(self, assets: Path) -> None:
        facts = read_json(assets / FACTS)
        self.length, self.rating = int(facts["history"]), facts["rating"]
        self._titles: dict[str, str] = facts["titles"]
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
        return self._titles.get(item, item)

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
        raise DataError(got=" ".join(words), expected=HOW, do="write it so; `history=` is a new user")
    index = ItemIndex(assets)
    history, item = values["history"], values.get("item", [])
    if len(item) > 1:
        raise DataError(got=f"item={' '.join(item)}", expected="one item", do="ask once for each")
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
    """Return a rating as it is stored, 0 where none is given."""
    if not text:
        return "0"
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not rating["min"] <= value <= rating["max"]:
        raise DataError(
            got=f"the rating {text!r}", expected=f"{rating['min']:g} to {rating['max']:g}", do=f"write {HOW}"
        )
    return text


def _titles(path: Path, items: Items) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return {line[items.id].strip(): line[items.title].strip() for line in csv.DictReader(file, strict=True)}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, AttributeError) as error:
        raise DataError(
            got=f"{path.name}: {error!r}", expected=f"a CSV file with the columns {items.id} and {items.title}",
            do="correct preprocess.<role>.items",
        ) from None  # fmt: skip
