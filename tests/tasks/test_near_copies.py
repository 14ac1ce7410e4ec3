"""Copies of real pictures and texts that were changed a little are all found, and others are not taken for copies."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from tasks.core.files import read_json
from tasks.data import columns
from tasks.data.near_copies import text_prints
from tasks.data.records import SPLITS
from tests.tasks import line, texts

SIDE = 96
SCHEMA = {
    "kind": "image_classification", "dtype": "uint8", "height": {"min": 1, "max": 999}, "width": {"min": 1, "max": 999},
    "channels": 3, "value": {"min": 0, "max": 255}, "classes": ["china", "flower"],
}  # fmt: skip


def tiles() -> dict[str, Image.Image]:
    """Squares of two photographs that scikit-learn ships, none of which is a copy of another."""
    found = {}
    for name, picture in zip(("china", "flower"), load_sample_images().images, strict=True):
        for down in range(4):
            for across in range(6):
                corner = (across * SIDE, down * SIDE, (across + 1) * SIDE, (down + 1) * SIDE)
                found[f"{name}/{down}{across}"] = Image.fromarray(picture).crop(corner)
    return found


def encoded(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "quality_85": lambda picture: encoded(picture, 85),
    "quality_30": lambda picture: encoded(picture, 30),
    "half": lambda picture: picture.resize((SIDE // 2, SIDE // 2)),
    "third": lambda picture: picture.resize((SIDE // 3, SIDE // 3)),
    "twice": lambda picture: picture.resize((2 * SIDE, 2 * SIDE)),
    "both": lambda picture: encoded(picture.resize((64, 64)), 40),
}


def section(**changes: Any) -> Any:
    return line.section(
        format="image_folder", image_shape=[SIDE, SIDE, 3], value_max=255,
        split={"validation": 0.2, "test": 0.4, "seed": 0}, **changes,
    )  # fmt: skip


def written(folder: Path, copied: int) -> Path:
    """The tiles as PNG files, every second one beside its changed copies."""
    for number, (name, picture) in enumerate(tiles().items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{name}.png")
        for change, changed in CHANGES.items() if number % 2 == 0 and number // 2 < copied else ():
            changed(picture).save(folder / f"{name}_{change}.png")
    return folder


def listed(ready: Path) -> list[dict[str, str]]:
    with (ready / "near_copies.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def splits_of(ready: Path) -> dict[str, str]:
    """The split of each row, by where it came from."""
    data = columns.load(ready)
    return {
        source: split for split in SPLITS for source in data.column(split, columns.ROW_SOURCE).all().tolist()
    }  # fmt: skip


def test_pictures_encoded_or_resized_again_are_all_found_and_stay_in_one_split(tmp_path: Path) -> None:
    ready = line.prepared(tmp_path, written(tmp_path / "pictures", copied=20), section(), SCHEMA)
    rows = listed(ready)
    numbers = {row["group"] for row in rows}
    assert len(numbers) == 20
    for number in numbers:
        members = [row for row in rows if row["group"] == number]
        stems = sorted(Path(row["source"]).stem for row in members)
        assert stems == sorted([stems[0], *(f"{stems[0]}_{change}" for change in CHANGES)])
        assert len({row["split"] for row in members}) == 1
    splits = splits_of(ready)
    assert all(splits[row["source"]] == row["split"] for row in rows)
    summary = read_json(ready / "dataset.json")["near_copies"]
    assert summary["rows"] == 140 and summary["groups"] == 20 and summary["across_splits"] == 0
    assert summary["moved"] > 40


def test_copies_across_splits_are_named_where_the_setting_says_so(tmp_path: Path) -> None:
    pictures = written(tmp_path / "pictures", copied=5)
    ready = line.prepared(tmp_path, pictures, section(near_copies="named"), SCHEMA)
    without = line.prepared(tmp_path / "off", pictures, section(near_copies=None), SCHEMA)
    assert splits_of(ready) == splits_of(without)
    assert read_json(ready / "dataset.json")["near_copies"]["across_splits"] == 5
    assert "near_copies" not in read_json(without / "dataset.json") and not (without / "near_copies.csv").exists()


def test_other_pictures_of_one_scene_are_no_copies(tmp_path: Path) -> None:
    ready = line.prepared(tmp_path, written(tmp_path / "pictures", copied=0), section(), SCHEMA)
    assert listed(ready) == []


def test_in_small_pictures_none_are_looked_for_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = line.prepared(tmp_path, line.csv_of(tmp_path / "source", line.digits(0, 100)), line.section())
    assert "fewer than 32 pixels" in read_json(ready / "dataset.json")["near_copies"]["left_out"]
    assert "near copies were not looked for: the pictures have fewer" in capsys.readouterr().out


def test_texts_of_which_few_letters_differ_are_all_found_and_stay_in_one_split(tmp_path: Path) -> None:
    originals = [text for text in texts.messages(0, 600) if 80 < len(text) < 200][:60]
    changed = [*(text.upper().replace("HAM\t", "ham\t").replace("SPAM\t", "spam\t") + "!!" for text in originals[:30])]
    changed += [f"{text} ok" for text in originals[30:]]
    ready = texts.ready(tmp_path, [*texts.messages(0, 600), *changed]).folder
    every = [*texts.messages(0, 600), *changed]
    number_of = {text: every.index(text) + 1 for text in every}
    group_of = {row["source"]: (row["group"], row["split"]) for row in listed(ready)}
    for original, copy in zip(originals, changed, strict=True):
        assert group_of[f"sms.tsv:{number_of[original]}"] == group_of[f"sms.tsv:{number_of[copy]}"]


def test_a_text_of_any_script_and_length_has_a_print() -> None:
    words = ["", "a", "!?", "हिन्दी", "中文字符", "👩‍👩‍👧", "x" * 3000]
    prints = text_prints(words)
    assert prints.candidates.shape == (len(words), 16)
    assert all(len(pieces) for pieces in prints.contents)
    assert np.array_equal(text_prints(["Hello, World"]).candidates, text_prints(["hello   world!"]).candidates)
