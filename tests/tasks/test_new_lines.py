"""What `new` writes is planned and prepared without an edit, for every kind of work."""

import csv
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.commands.new import new_files
from tasks.commands.schema import schema
from tasks.core.files import read_json
from tasks.ingest import ingest
from tasks.line import params_file
from tasks.line.drafts.choices import Choices
from tasks.plan import plan
from tasks.preprocess import preprocess
from tests.tasks.test_drafts import CHANCE, number, ratings, sentence, table
from tests.tasks.test_inspection import picture


def pictures(folder: Path) -> Path:
    for split in ("train", "Val", "test"):
        for name in ("rose", "tulip"):
            for index in range(8):
                picture(folder / f"flowers/{split}/{name}/{index}.jpg", CHANCE.randrange(10**6))
    return folder / "flowers"


def texts(folder: Path) -> Path:
    rows = [(sentence(8), f"class {index % 21}") for index in range(420)]
    return table(folder / "intents.csv", ("text", "category"), rows, delimiter=";", encoding="utf-16")


def numbers(folder: Path) -> Path:
    rows = [("" if index % 30 == 0 else number(), CHANCE.choice(["x", "y", ""]), number()) for index in range(300)]
    return table(folder / "houses.csv", ("size", "town", "price"), rows)


def classes(folder: Path) -> Path:
    rows = [("?" if index % 50 == 0 else number(), number(), CHANCE.choice("abc")) for index in range(300)]
    return table(folder / "plants.csv", ("length", "width", "species"), [*rows, *rows[:30]])


def rated(folder: Path) -> Path:
    return table(folder / "ratings.csv", ("userId", "movieId", "rating"), ratings())


def pairs(folder: Path) -> Path:
    rows = [(sentence(4), sentence(5), "CC-BY 2.0 (France)") for _ in range(400)]
    return table(folder / "fra.txt", (), rows, delimiter="\t")


KINDS: dict[str, Callable[[Path], Path]] = {
    "image_classification": pictures,
    "text_classification": texts,
    "regression": numbers,
    "tabular_classification": classes,
    "recommendation": rated,
    "translation": pairs,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_of_each_kind_is_planned_and_prepared_as_it_was_written(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CHANCE.seed(kind)
    data, line = KINDS[kind](tmp_path / "data"), tmp_path / "line"
    line.mkdir()
    new_files(data, line, "mine", Choices({}))
    monkeypatch.chdir(line)
    (line / "schemas").mkdir()
    params = params_file.load()
    plan(params, schemas=Path("schemas"), plan=Path("plan"))
    ingest(params.ingest["target"], raw=Path("data/raw/target"))
    schema("target", replace=False)
    ready = Path("data/ready/target")
    preprocess(
        params.preprocess["target"], params.kind, raw=Path("data/raw/target"), schema=Path("schemas/target.json"),
        ready=ready,
    )  # fmt: skip
    dataset = read_json(ready / "dataset.json")
    assert dataset["kind"] == kind
    rows = {name: sum(part["rows"] for part in parts) for name, parts in dataset["splits"].items()}
    assert all(rows[name] > 0 for name in ("train", "validation", "test"))


def test_what_was_written_anew_has_the_rows_that_it_was_made_of(tmp_path: Path) -> None:
    rows = [(f'say "{index}"', "a;b" if index % 2 else "line\nbreak", CHANCE.choice("xy")) for index in range(200)]
    random.Random(0).shuffle(rows)
    data = table(tmp_path / "t.csv", ("one", "two", "label"), rows, delimiter=";", encoding="cp1252")
    (tmp_path / "line").mkdir()
    new_files(data, tmp_path / "line", "mine", Choices({"kind": "tabular_classification"}))
    with (tmp_path / "line/data/incoming/t.csv").open(newline="", encoding="utf-8") as text:
        found = [tuple(row) for row in csv.reader(text, delimiter=";" if ";" in text.readline() else ",")]
    assert found == rows
