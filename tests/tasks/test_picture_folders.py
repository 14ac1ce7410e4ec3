"""Folders say class and split in one way only; where two readings are possible both are told, with what states one."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.core.errors import DataError
from tasks.data import account
from tasks.data.formats import image_folder
from tasks.data.names import name_of
from tasks.data.picture_folders import SPLIT_NAMES
from tasks.kinds.image_classification import Preprocess

GIVEN = {"validation": "given", "test": "given"}
Found = dict[str, tuple[str, str | None]]  # by file: its class, its split


def params(**changes: Any) -> Preprocess:
    return Preprocess.model_validate({"format": "image_folder", **changes})


def folder(tmp_path: Path, *names: str) -> Path:
    """Files in folders; those with the suffix of a picture are one."""
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            Image.new("L", (2, 2)).save(path)
        else:
            path.write_text("no picture")
    return tmp_path


def read(source: Path, **changes: Any) -> Found:
    parts = list(image_folder.parts(source, params(**changes)))
    return {
        path.relative_to(source).as_posix(): (name_of(part.place.name), part.place.split)
        for part in parts
        for path in part.paths
    }


def refused(source: Path, **changes: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read(source, **changes)
    return caught.value


def test_the_class_is_the_folder_under_the_root(tmp_path: Path) -> None:
    source = folder(tmp_path, "cat/1.png", "dog/1.png", "notes.txt")
    assert read(source) == {"cat/1.png": ("cat", None), "dog/1.png": ("dog", None)}


@pytest.mark.parametrize("name", sorted([*SPLIT_NAMES, "Train", "VALIDATION", "Testing"]))
def test_a_split_folder_is_known_in_any_case(name: str, tmp_path: Path) -> None:
    other = "test" if SPLIT_NAMES[name.lower()] != "test" else "train"
    source = folder(tmp_path, f"{name}/cat/1.png", f"{name}/dog/1.png", f"{other}/cat/2.png")
    found = read(source, split=GIVEN)
    assert found[f"{name}/cat/1.png"] == ("cat", SPLIT_NAMES[name.lower()]) and found[f"{other}/cat/2.png"][1] == other


@pytest.mark.parametrize("around", ["flowers", "archive/flowers"])
@pytest.mark.parametrize("split", ["", "train/"])
def test_folders_around_everything_say_nothing(around: str, split: str, tmp_path: Path) -> None:
    source = folder(tmp_path, f"{around}/{split}cat/1.png", f"{around}/{split}dog/1.png", "README.md")
    assert {name for name, _ in read(source).values()} == {"cat", "dog"}
    assert {given for _, given in read(source).values()} == {"train" if split else None}


def test_names_that_differ_only_in_how_an_accent_is_written_are_one_class(tmp_path: Path) -> None:
    source = folder(tmp_path, "train/caf\u00e9/1.png", "test/cafe\u0301/2.png", "train/tea  cup/3.png")
    found = read(source, split=GIVEN)
    assert {name for name, _ in found.values()} == {"caf\u00e9", "tea cup"}


def test_suffixes_in_any_case_are_read_and_the_others_counted(tmp_path: Path) -> None:
    source = folder(tmp_path, "a/1.png", "b/2.png", "a/Thumbs.db", "b/clip.MP4", "a/raw.CR2", "b/README", "c.JPG.txt")
    (source / "a/1.png").rename(source / "a/1.PNG")
    assert set(read(source)) == {"a/1.PNG", "b/2.png"}
    assert account.others(image_folder, source, params()) == {".db": 1, ".mp4": 1, ".cr2": 1, "no suffix": 1, ".txt": 1}


@pytest.mark.parametrize(
    "names",
    [
        ["cat/s1/1.png", "cat/s2/2.png", "dog/s1/3.png"],
        ["cat/1.png", "cat/s1/2.png", "dog/3.png"],
        ["train/cat/s1/1.png", "train/dog/s2/2.png"],
        ["all/cat/s1/1.png", "all/dog/2.png"],
    ],
    ids=["sessions", "differing depths", "sessions in a split", "differing depths in a folder around"],
)
def test_folders_in_class_folders_are_refused_with_both_readings_and_what_states_one_works(
    names: list[str], tmp_path: Path
) -> None:
    source = folder(tmp_path, *names)
    error = refused(source)
    assert "depths" in error.got or "in the class folders" in error.got
    assert "the classes are cat (" in str(error.expected) and "s1 (" in str(error.expected)
    stated = [text.split("`")[0].strip('"') for text in error.do.split("folders: ")[1:]]
    assert len(stated) == 2
    one, other = (read(source, folders=layout) for layout in stated)
    assert {name for name, _ in one.values()} == {"cat", "dog"}
    assert {name for name, _ in other.values()} >= {"s1"}
    assert len(one) == len(other) == len(names)


def test_a_split_folder_below_each_class_is_a_reading_too(tmp_path: Path) -> None:
    source = folder(tmp_path, "cat/train/1.png", "cat/test/2.png", "dog/train/3.png")
    assert "folders: class/split" in refused(source).do
    found = read(source, folders="class/split")
    assert found == {
        "cat/train/1.png": ("cat", "train"), "cat/test/2.png": ("cat", "test"), "dog/train/3.png": ("dog", "train"),
    }  # fmt: skip


def test_a_split_folder_that_is_not_known_is_never_trained_on(tmp_path: Path) -> None:
    source = folder(tmp_path, "train/cat/1.png", "train/dog/2.png", "holdout/cat/3.png")
    error = refused(source)
    assert error.got == "folders holdout beside train"
    assert "the classes are holdout (1), train (2)" in str(error.expected)
    as_test = read(source, split_folders={"holdout": "test"}, split={"test": "given"})
    assert as_test["holdout/cat/3.png"] == ("cat", "test")
    assert "holdout/cat/3.png" not in read(source, split_folders={"Holdout": None})
    assert account.others(image_folder, source, params(split_folders={"holdout": None})) == {"holdout/ left out": 1}
    assert {name for name, _ in read(source, folders="class").values()} == {"holdout", "train"}


def test_a_class_that_is_called_train_is_one_when_that_is_said(tmp_path: Path) -> None:
    source = folder(tmp_path, "bus/1.png", "car/2.png", "train/3.png")
    assert "folders: class" in refused(source).do
    assert {name for name, _ in read(source, folders="class").values()} == {"bus", "car", "train"}


def test_a_folder_of_test_rows_is_not_divided_anew_without_a_word(tmp_path: Path) -> None:
    source = folder(tmp_path, "train/cat/1.png", "train/dog/2.png", "test/cat/3.png")
    error = refused(source)
    assert error.got == "folders for test, and preprocess.<role>.split.test: 0.2"
    assert "`preprocess.<role>.split: {test: given}`" in error.do
    assert read(source, split={"test": "given"})["test/cat/3.png"] == ("cat", "test")
    assert '`preprocess.<role>.folders: "*/class"`' in error.do
    assert read(source, folders="*/class")["test/cat/3.png"] == ("cat", None)


def test_pictures_beside_the_class_folders_are_refused(tmp_path: Path) -> None:
    source = folder(tmp_path, "cat/1.png", "dog/2.png", "lost.png")
    assert refused(source).got == "3 images, some of them in no class folder: the top folder (1)"


def test_pictures_right_below_split_folders_are_refused(tmp_path: Path) -> None:
    for names in (["train/1.png", "test/2.png"], ["train/1.png"], ["train/cat/1.png", "train/2.png"]):
        error = refused(folder(tmp_path / str(len(names)) / names[-1][:2], *names), split=GIVEN)
        assert "in no class folder" in error.got


def test_a_folder_without_pictures_says_what_is_there(tmp_path: Path) -> None:
    assert refused(folder(tmp_path, "a/1.cr2", "b/2.cr2", "b/c.txt")).got == "no image, but 2 .cr2, 1 .txt"


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("class", ("a", None)), ("*/class", ("b", None)), ("**/class", ("c", None)), ("*/*/class", ("c", None)),
        ("class/**", ("a", None)), ("*/class/*", ("b", None)), ("**/class/*", ("b", None)),
    ],
)  # fmt: skip
def test_a_layout_says_which_folder_is_the_class(layout: str, expected: tuple[str, None], tmp_path: Path) -> None:
    assert read(folder(tmp_path, "a/b/c/1.png"), folders=layout) == {"a/b/c/1.png": expected}


def test_a_layout_that_a_file_does_not_fit_is_refused(tmp_path: Path) -> None:
    source = folder(tmp_path, "a/b/1.png", "c/2.png")
    assert refused(source, folders="*/class").got == "pictures in c (1)"
    assert "split is one of" in str(refused(source, folders="split/class").expected)


@pytest.mark.parametrize(
    "layout", ["", "split", "class/class", "folder/class", "split/split/class", "**/class/**", "/"]
)
def test_a_layout_that_means_nothing_is_a_fault_of_the_parameters(layout: str) -> None:
    with pytest.raises(ValueError, match=r"class once|once at most"):
        params(folders=layout)
