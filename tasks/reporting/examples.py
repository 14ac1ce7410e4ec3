"""Rows of the target as people see them: the most confident errors, hard ones, some of each class, quarantined ones."""

import base64
import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tasks.data.columns import Dataset
from tasks.data.records import SPLITS, Array
from tasks.data.tables import CATEGORIES, NUMBERS, categories_in

SHOWN = 12  # errors, hard rows, classes of the look at the data
OF_A_CLASS = {"image": 8, "text": 3, "table": 2}
SIDE = 96  # pixels of a thumbnail, at most
MAX_LETTERS, MAX_COLUMNS = 300, 40
SOURCES, REASONS = 5, 20  # of the quarantine


@dataclass(frozen=True)
class Look:
    """A row as people see it.

    Attributes:
        row: its number among the good rows of the data.
        picture: a thumbnail as a data URI, empty for a row that is no picture.
        text: the text, or the columns with their values; empty for a picture.
    """

    row: int
    picture: str
    text: str


@dataclass(frozen=True)
class Answered:
    """A test row with its answer.

    Attributes:
        look: the row.
        truth: what it is.
        answer: what the described file says.
        detail: how sure it is, or how far off.
    """

    look: Look
    truth: str
    answer: str
    detail: str


@dataclass(frozen=True)
class Examples:
    """What a person looks at before they trust a figure.

    Attributes:
        form: `image`, `text` or `table`; empty where rows are none of these.
        errors: the wrong answers that the file is most sure of, or the largest errors.
        hard: the rows that it is least sure of; empty for numbers.
        data: some training rows of each class, or of all, by the name of the class.
        more_classes: how many classes `data` leaves out.
        balance: rows of each split, by class.
        quarantined: rows left out, by reason: how many, and some of their sources.
    """

    form: str
    errors: list[Answered]
    hard: list[Answered]
    data: dict[str, list[Look]]
    more_classes: int
    balance: dict[str, list[int]]
    quarantined: dict[str, tuple[int, list[str]]]


def examples_of(target: Dataset, predictions: Path) -> Examples:
    """Choose the rows to be shown; equal files give equal rows.

    Args:
        target: the data set.
        predictions: what `evaluate` wrote of the described recipe.
    """
    form, names = form_of(target), target.metadata.get("classes", [])
    labels = {split: _labels(target, split) for split in SPLITS} if names and target.target == "label" else {}
    errors, hard = list[Answered](), list[Answered]()
    if form:
        with np.load(predictions) as seen:
            errors, hard = _answered(target, form, seen["outputs"], seen[target.target], names if labels else [])
    data = _of_each_class(target, form, names, labels["train"]) if labels else _of_all(target, form)
    balance = {name: [int((of == index).sum()) for of in labels.values()] for index, name in enumerate(names)}
    return Examples(
        form, errors, hard, data, max(0, len(names) - SHOWN) if labels else 0, balance if labels else {},
        quarantined(target.folder / "quarantine.csv"),
    )  # fmt: skip


def form_of(target: Dataset) -> str:
    """Return how rows are shown, nothing where they are neither pictures nor texts nor tables."""
    if "image" in target.inputs:
        return "image"
    if target.has("text"):
        return "text"
    return "table" if "table" in target.metadata else ""


def quarantined(path: Path) -> dict[str, tuple[int, list[str]]]:
    """Return how many rows each reason left out, the most frequent first, with some of their sources."""
    counts, sources = Counter[str](), dict[str, list[str]]()
    with path.open(newline="", encoding="utf-8") as file:
        for source, reason in islice(csv.reader(file), 1, None):
            counts[reason] += 1
            if counts[reason] <= SOURCES:
                sources.setdefault(reason, []).append(source)
    return {reason: (count, sources[reason]) for reason, count in counts.most_common()}


def looks(target: Dataset, form: str, split: Any, rows: Iterable[int]) -> list[Look]:
    """Return rows of a split as people see them."""
    places = np.array(list(rows), np.int64)
    if not len(places):
        return []
    numbers = target.column(split, "row").take(places).tolist()
    if form == "image":
        pictures = map(thumbnail, target.column(split, "image").take(places))
        return [Look(number, picture, "") for number, picture in zip(numbers, pictures, strict=True)]
    texts = _texts(target, split, places) if form == "text" else _table_rows(target, split, places)
    return [Look(number, "", text) for number, text in zip(numbers, texts, strict=True)]


def thumbnail(image: Array) -> str:
    """Return an image, (height, width, 1 or 3) of uint8, as a small data URI."""
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    picture.thumbnail((SIDE, SIDE))
    written = BytesIO()
    few = picture.width * picture.height <= 48 * 48  # JPEG blurs what is small, and saves nothing there
    picture.save(written, "PNG" if few else "JPEG", optimize=True, **({} if few else {"quality": 80}))
    kind = "png" if few else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(written.getvalue()).decode()}"


def _labels(target: Dataset, split: Any) -> Array:
    return target.column(split, target.target).all() if target.rows(split) else np.empty(0, np.int32)


def _answered(
    target: Dataset, form: str, outputs: Array, truth: Array, names: Sequence[str]
) -> tuple[list[Answered], list[Answered]]:
    if not names:
        off = outputs[:, 0].astype(np.float64) - truth
        chosen = np.argsort(-np.abs(off), kind="stable")[:SHOWN].tolist()
        rows = looks(target, form, "test", chosen)
        details = [f"off by {off[row]:+,.4g}" for row in chosen]
        numbers = [(f"{truth[row]:,.4g}", f"{outputs[row, 0]:,.4g}") for row in chosen]
        return [Answered(look, *pair, one) for look, pair, one in zip(rows, numbers, details, strict=True)], []
    answers, ordered = outputs.argmax(axis=1), np.sort(outputs, axis=1)
    sure, margin = ordered[:, -1], ordered[:, -1] - ordered[:, -2]
    wrong = np.flatnonzero(answers != truth)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:SHOWN]
    hard = [row for row in np.argsort(margin, kind="stable").tolist() if row not in set(worst.tolist())][:SHOWN]

    def answered(rows: Iterable[int]) -> list[Answered]:
        places = list(rows)
        return [
            Answered(look, names[int(truth[row])], names[int(answers[row])], f"{sure[row]:.1%} sure")
            for look, row in zip(looks(target, form, "test", places), places, strict=True)
        ]

    return answered(worst.tolist()), answered(hard)


def _of_each_class(target: Dataset, form: str, names: Sequence[str], labels: Array) -> dict[str, list[Look]]:
    if not form:
        return {}
    found = {}
    for index, name in enumerate(names[:SHOWN]):
        own = np.flatnonzero(labels == index)
        found[name] = looks(target, form, "train", _evenly(own, OF_A_CLASS[form]))
    return found


def _of_all(target: Dataset, form: str) -> dict[str, list[Look]]:
    if not form or not target.rows("train"):
        return {}
    return {"": looks(target, form, "train", _evenly(np.arange(target.rows("train")), SHOWN))}


def _evenly(rows: Array, wanted: int) -> list[int]:
    places = np.unique(np.linspace(0, len(rows) - 1, min(wanted, len(rows))).round().astype(np.int64))
    return [int(row) for row in rows[places]]


def _texts(target: Dataset, split: Any, rows: Array) -> list[str]:
    texts: list[str] = target.column(split, "text").take(rows).tolist()
    return [text if len(text) <= MAX_LETTERS else f"{text[:MAX_LETTERS]}…" for text in texts]


def _table_rows(target: Dataset, split: Any, rows: Array) -> list[str]:
    """Write rows of a table as `trimline predict` takes them, a missing value as nothing."""
    table, cells = target.metadata["table"], [list[str]() for _ in rows]
    if table["numeric"]:
        names = [column["name"] for column in table["numeric"]]
        for row, values in zip(cells, target.column(split, NUMBERS).take(rows).tolist(), strict=True):
            row += [f"{name}={_number(value)}" for name, value in zip(names, values, strict=True)]
    if table["categorical"]:
        texts, columns = target.column(split, CATEGORIES).take(rows), table["categorical"]
        for column, values in zip(columns, categories_in(texts, len(columns)), strict=True):
            for row, value in zip(cells, values, strict=True):
                row.append(f"{column['name']}={value}")
    return [", ".join(row[:MAX_COLUMNS]) + ("…" if len(row) > MAX_COLUMNS else "") for row in cells]


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.7g}"
