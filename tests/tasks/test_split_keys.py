"""Rows may be split by a column: whole groups stay together, or the latest rows are the test rows; in every kind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import DataError, ParamsError
from tasks.data import columns
from tasks.data.records import SPLITS
from tasks.data.split_keys import time_of
from tasks.kinds.regression import Preprocess
from tasks.kinds.text_classification import Preprocess as TextPreprocess
from tasks.kinds.translation import Preprocess as PairPreprocess
from tests.tasks import line, tabular, texts

SPLIT = {"validation": 0.1, "test": 0.2, "seed": 0}


def day(row: int) -> str:
    return f"2024-{1 + row // 28 % 12:02d}-{1 + row % 28:02d}"


def table(folder: Path, count: int = 300, **split: Any) -> columns.Dataset:
    """Rows with a customer, of whom each has seven, and a day, in an order of chance."""
    rows = [[*row, f"K {number // 7}", day(number)] for number, row in enumerate(tabular.rows(count))]
    order = np.random.default_rng(0).permutation(count)
    text = "".join(",".join(row) + "\n" for row in [["a", "b", "c", "y", "customer", "day"], *(rows[i] for i in order)])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.csv").write_text(text)
    names = {name: name for name in tabular.NAMES} | {"customer": "customer", "day": "day"}
    by = split.get("group") or split.get("time")
    named = {role: place for role, place in names.items() if role in tabular.NAMES or role == by}
    params = tabular.section(columns=named, split=SPLIT | split)
    assert isinstance(params, Preprocess)
    return columns.load(line.prepared(folder, folder / "rows.csv", params, tabular.schema()))


def numbers_of(data: columns.Dataset, split: Any) -> set[int]:
    """Which of `tabular.rows` a split has, by their place there."""
    places = {(float(a), float(b)): number for number, (a, b, *_) in enumerate(tabular.rows(300))}
    return {places[float(a), float(b)] for a, b in data.column(split, "numbers").all()}


def test_the_rows_of_a_group_are_in_one_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = table(tmp_path, group="customer")
    groups = {split: {number // 7 for number in numbers_of(data, split)} for split in SPLITS}
    assert sum(map(len, groups.values())) == len(set().union(*groups.values())) == 43
    assert abs(data.rows("test") - 60) <= 4 and abs(data.rows("validation") - 30) <= 4
    assert f"split by customer: train {len(groups['train'])} groups" in capsys.readouterr().out
    other = table(tmp_path / "other", group="customer", seed=1)
    assert numbers_of(other, "test") != numbers_of(data, "test")


def test_the_latest_rows_are_the_test_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = table(tmp_path, time="day")
    found = {split: numbers_of(data, split) for split in SPLITS}
    assert max(found["train"]) < min(found["validation"]) < max(found["validation"]) < min(found["test"])
    assert {split: len(rows) for split, rows in found.items()} == {"train": 210, "validation": 30, "test": 60}
    assert f"train 2024-01-01 to {day(209)}, validation {day(210)} to {day(239)}" in capsys.readouterr().out


def test_a_row_without_its_group_or_time_is_quarantined(tmp_path: Path) -> None:
    rows = [[*row, str(number // 7)] for number, row in enumerate(tabular.rows(100))]
    rows[3][4], rows[5][4] = "", "soon"
    text = "".join(",".join(row) + "\n" for row in [[*tabular.NAMES, "day"], *rows])
    (tmp_path / "rows.csv").write_text(text)
    named = {name: name for name in (*tabular.NAMES, "day")}
    for by, reasons in (
        (
            {"time": "day"},
            ["missing time in day", "not a time: 'soon', expected a number or a date like 2024-05-31 in day"],
        ),
        ({"group": "day"}, ["missing group: day"]),
    ):
        params = tabular.section(columns=named, split=SPLIT | by, max_bad_fraction=0.1)
        ready = line.prepared(tmp_path, tmp_path / "rows.csv", params, tabular.schema())
        assert [
            one.split(",", 1)[1].strip('"') for one in (ready / "quarantine.csv").read_text().splitlines()[1:]
        ] == reasons


def test_texts_pairs_and_pictures_are_split_by_a_column_too(tmp_path: Path) -> None:
    rows = [f"{'ham' if row % 3 else 'spam'},number {row} of some words,{row // 6}" for row in range(200)]
    texts.written(tmp_path / "texts", ["label,text,user", *rows], "rows.csv")
    named = {"label": "label", "text": "text", "user": "user"}
    params = texts.section(format="csv", header=True, columns=named, split=SPLIT | {"group": "user"})
    assert isinstance(params, TextPreprocess)
    data = columns.load(line.prepared(tmp_path / "texts", tmp_path / "texts/rows.csv", params, texts.SCHEMA))
    users = {s: {int(text.split()[1]) // 6 for text in data.column(s, "text").all()} for s in SPLITS}
    assert sum(map(len, users.values())) == len(set().union(*users.values())) == 34

    pairs = [f"word {row} one two three\tmot {row} un deux trois\t{row}" for row in range(200)]
    texts.written(tmp_path / "pairs", pairs, "rows.tsv")
    where = {"source": 0, "target": 1, "day": 2}
    pair_params = PairPreprocess.model_validate({"format": "tsv", "columns": where, "split": SPLIT | {"time": "day"}})
    letters = "".join(sorted({*"word mot one two three un deux trois0123456789"}))
    promised = {"kind": "translation", "characters": {"source": letters, "target": letters}}
    data = columns.load(line.prepared(tmp_path / "pairs", tmp_path / "pairs/rows.tsv", pair_params, promised))
    days = {s: [int(text.split()[1]) for text in data.column(s, "source").all()] for s in SPLITS}
    assert max(days["train"]) < min(days["validation"]) and max(days["validation"]) < min(days["test"])
    assert len(days["test"]) == 40

    digits = line.digits(0, 120)
    folder = tmp_path / "pictures/source"
    line.csv_of(folder, digits)
    beside = ["source,writer", *(f"rows.csv:{row + 1},w{row // 8}" for row in range(120))]
    (folder / "attributes.txt").write_text("\n".join(beside) + "\n")
    picture_params = line.section(attributes="attributes.txt", split=SPLIT | {"group": "writer"})
    data = columns.load(line.prepared(tmp_path / "pictures", folder, picture_params))
    writers = {split: set(data.column(split, "writer").all().tolist()) for split in SPLITS}
    assert sum(map(len, writers.values())) == len(set().union(*writers.values())) == 15


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"group": "a", "time": "b"}, "only one can decide"), ({"group": "a", "test": "given"}, "only one can decide"),
        ({"group": "nobody"}, "columns has no such role"),
    ],
)  # fmt: skip
def test_a_split_that_cannot_be_is_refused(split: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tabular.section(split=SPLIT | split)


def test_a_column_that_is_nowhere_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="split by writer, which is no column of the rows"):
        line.prepared(
            tmp_path, line.csv_of(tmp_path, line.digits(0, 120)), line.section(split=SPLIT | {"group": "writer"})
        )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("1.5e3", 1500), ("1970-01-02", 86400), ("1970-01-01 00:01", 60), ("1970-01-01T01:00:00+01:00", 0)],
)
def test_a_time_is_a_number_or_a_date(text: str, seconds: float) -> None:
    assert time_of(text) == seconds
    for wrong in ("31.5.2024", "1_000", "nan", "inf", "soon"):
        with pytest.raises(ValueError, match="not a time"):
            time_of(wrong)


def test_a_whole_group_of_the_attributes_is_needed(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    line.csv_of(folder, line.digits(0, 120))
    beside = ["source,writer", *(f"rows.csv:{row + 1}," for row in range(120))]
    (folder / "attributes.txt").write_text("\n".join(beside) + "\n")
    with pytest.raises(DataError, match="120 rows of the attributes, the first of them row 1: missing group"):
        line.prepared(tmp_path, folder, line.section(attributes="attributes.txt", split=SPLIT | {"group": "writer"}))
