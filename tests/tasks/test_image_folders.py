"""A folder of images per class, below a folder per split or not."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.core.errors import DataError
from tasks.core.params.data import PathSource
from tasks.data import columns
from tasks.data.records import SPLITS, Array
from tasks.ingest import ingest
from tasks.kinds.image_classification import Preprocess
from tests.graph_rules import ROOT
from tests.tasks import line
from tests.tasks.test_cleaning import quarantine

CLOTHING = ROOT.parent / "shared/data/vision/clothing96_cc0.zip"
SCHEMA = {
    "kind": "image_classification", "dtype": "uint8", "channels": 3, "value": {"min": 0, "max": 255},
    "height": {"min": 8, "max": 8}, "width": {"min": 8, "max": 8}, "classes": ["hat", "shoe"],
}  # fmt: skip


def section(**changes: Any) -> Preprocess:
    return line.section(format="image_folder", image_shape=[8, 8, 3], value_max=255, **changes)


def picture(seed: int, height: int = 8, width: int = 8) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, image: Array, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).convert(mode).save(path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Twenty pictures of two classes, without splits."""
    for seed in range(20):
        save(tmp_path / f"source/{'hat' if seed % 2 else 'shoe'}/{seed:02d}.png", picture(seed))
    return tmp_path / "source"


def test_png_images_come_out_pixel_for_pixel(source: Path, tmp_path: Path) -> None:
    data = columns.load(line.prepared(tmp_path, source, section(), SCHEMA))
    images = np.concatenate([data.column(name, "image").all() for name in SPLITS])
    labels = np.concatenate([data.column(name, "label").all() for name in SPLITS])
    got = {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)}
    assert got == {picture(seed).tobytes(): 0 if seed % 2 else 1 for seed in range(20)}


def test_what_is_wrong_with_an_image_is_said_and_the_others_are_kept(source: Path, tmp_path: Path) -> None:
    save(source / "hat/wide.png", picture(90, width=9))
    save(source / "hat/black.png", np.zeros((8, 8, 3), np.uint8))
    save(source / "hat/copy.png", picture(1))
    save(source / "glove/one.png", picture(91))
    (source / "hat/text.jpg").write_text("no picture at all")
    (source / "hat/empty.jpg").write_bytes(b"")
    (source / "hat/notes.txt").write_text("not looked at")
    save(source / "hat/cut.jpg", picture(92, 8, 8))
    (source / "hat/cut.jpg").write_bytes((source / "hat/cut.jpg").read_bytes()[:-40])
    ready = line.prepared(tmp_path, source, section(max_bad_fraction=0.3), SCHEMA)
    found = dict(quarantine(ready))
    assert found.pop("hat/cut.jpg").startswith("unreadable: image file is truncated")
    assert found == {
        "glove/one.png": "unknown class: 'glove'",
        "hat/black.png": "empty: all pixels are equal",
        "hat/copy.png": "duplicate: of hat/01.png",
        "hat/empty.jpg": "unreadable: no image",
        "hat/text.jpg": "unreadable: no image",
        "hat/wide.png": "wrong size: 8x9x3",
    }
    assert sum(columns.load(ready).rows(name) for name in SPLITS) == 20


def test_grey_palette_and_transparent_images_become_rgb(source: Path, tmp_path: Path) -> None:
    for seed, mode in ((50, "L"), (51, "P"), (52, "RGBA"), (53, "CMYK")):
        save(source / f"hat/{mode}.{'tif' if mode == 'CMYK' else 'png'}", picture(seed), mode)
    ready = line.prepared(tmp_path, source, section(), SCHEMA)
    assert quarantine(ready) == []
    images = np.concatenate([columns.load(ready).column(name, "image").all() for name in SPLITS])
    grey = np.asarray(Image.fromarray(picture(50)).convert("L"))
    assert any((image == grey[..., None]).all() for image in images)


def test_splits_that_are_given_are_kept_and_a_copy_stays_in_the_test_split(tmp_path: Path) -> None:
    names = ["train"] * 6 + ["validation"] * 2 + ["test"] * 4
    for seed, split in enumerate(names):
        save(tmp_path / f"source/{split}/{'hat' if seed % 2 else 'shoe'}/{seed:02d}.png", picture(seed))
    save(tmp_path / "source/train/hat/copy_of_test.png", picture(11))
    params = section(split={"validation": "given", "test": "given", "seed": 0}, max_bad_fraction=0.2)
    ready = line.prepared(tmp_path, tmp_path / "source", params, SCHEMA)
    assert quarantine(ready) == [("train/hat/copy_of_test.png", "duplicate: of test/hat/11.png")]
    data = columns.load(ready)
    for split in SPLITS:
        expected = {picture(seed).tobytes() for seed, name in enumerate(names) if name == split}
        assert {image.tobytes() for image in data.column(split, "image").all()} == expected


def test_images_in_no_class_folder_are_refused(source: Path, tmp_path: Path) -> None:
    save(source / "lost.png", picture(99))
    with pytest.raises(DataError, match="21 images, some of them in no class folder"):
        line.prepared(tmp_path, source, section(), SCHEMA)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"got: +no image"):
        line.prepared(tmp_path, tmp_path / "a.txt", section(), SCHEMA)


def test_the_hidden_copies_in_an_archive_made_on_a_mac_are_no_bad_rows(source: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for path in sorted(source.rglob("*.png")):
            name = path.relative_to(source)
            archive.write(path, str(name))
            archive.writestr(f"__MACOSX/{name.parent}/._{name.name}", b"\0\5\x16\7")
    assert quarantine(line.prepared(tmp_path, tmp_path / "images.zip", section(), SCHEMA)) == []


@pytest.mark.skipif(not CLOTHING.exists(), reason=f"needs {CLOTHING.name} beside the repository")
def test_photographs_out_of_a_zip_keep_their_splits_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(CLOTHING) as all_of_them, zipfile.ZipFile(tmp_path / "some.zip", "w") as some:
        by_folder: dict[str, list[str]] = {}
        for name in (name for name in all_of_them.namelist() if name.endswith(".jpg")):
            by_folder.setdefault(name.rpartition("/")[0], []).append(name)
        for name in (name for names in by_folder.values() for name in names[:6]):
            content = all_of_them.read(name)
            some.writestr(name, content if name != by_folder["train/dress"][0] else content[: len(content) // 2])
    ingest(PathSource(source="path", tracked=str(tmp_path / "some.zip")), raw=tmp_path / "raw")
    classes = sorted({folder.rpartition("/")[2] for folder in by_folder})
    side = {"min": 96, "max": 96}
    params = section(split={"validation": "given", "test": "given", "seed": 0}) if any(
        folder.startswith("validation") for folder in by_folder
    ) else section(split={"validation": 0.1, "test": "given", "seed": 0})  # fmt: skip
    schema = SCHEMA | {"classes": classes, "height": side, "width": side}
    ready = line.prepared(tmp_path, tmp_path / "raw/files", params, schema)
    (source, reason), *more = quarantine(ready)
    assert (source, more) == (by_folder["train/dress"][0], []) and reason.startswith("unreadable: image file is trunc")
    test_rows = sum(min(len(names), 6) for folder, names in by_folder.items() if folder.startswith("test/"))
    assert columns.load(ready).rows("test") == test_rows > 0
