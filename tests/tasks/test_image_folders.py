"""A folder of images per class, below a folder per split or not."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.core.errors import DataError
from tasks.core.files import read_json
from tasks.core.params.data import PathSource
from tasks.data import columns
from tasks.data.formats import image_folder
from tasks.data.records import SPLITS, Array
from tasks.data.schema import rows_of
from tasks.ingest import ingest
from tasks.kinds.image_classification import Preprocess
from tasks.kinds.image_classification.data import ImageData
from tests.graph_rules import ROOT
from tests.tasks import deep_files, line
from tests.tasks.test_cleaning import quarantine

CLOTHING = ROOT.parent / "shared/data/vision/clothing96_cc0.zip"
SCHEMA = {
    "kind": "image_classification", "dtype": "uint8", "channels": 3, "value": {"min": 0, "max": 255},
    "height": {"min": 8, "max": 8}, "width": {"min": 8, "max": 8}, "classes": ["hat", "shoe"],
}  # fmt: skip


def section(**changes: Any) -> Preprocess:
    return line.section(**{"format": "image_folder", "image_shape": [8, 8, 3], "value_max": 255, **changes})


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


def twins(folder: Path, deep: bool) -> Path:
    """Grey and coloured pictures in two classes, in 8 bits or the same ones in 16, under the same names."""
    for seed in range(24):
        image = picture(seed)[..., : 3 if seed % 3 else 1]
        path = folder / f"{'hat' if seed % 2 else 'shoe'}/{seed:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(deep_files.png(image.astype(np.uint16) * 257 if deep else image))
    return folder


def schema_of(folder: Path, params: Preprocess) -> dict[str, Any]:
    chunks = rows_of(image_folder, folder, params)
    return ImageData().observe(chunks, "image_classification", params).model_dump()


def test_pictures_of_16_bits_are_prepared_to_the_same_bytes_as_those_of_8(tmp_path: Path) -> None:
    found = {}
    for name, deep in (("shallow", False), ("deep", True)):
        source = twins(tmp_path / name / "source", deep)
        schema = schema_of(source, section())
        found[name] = line.tree(line.prepared(tmp_path / name, source, section(), schema)), schema
    (shallow, schema), (deep_tree, deep_schema) = found["shallow"], found["deep"]
    assert schema == deep_schema and shallow.keys() == deep_tree.keys()
    metadata = [json.loads(tree.pop("dataset.json")) for tree in (shallow, deep_tree)]
    assert shallow == deep_tree and any(name.startswith("test/image") for name in shallow)
    assert metadata[1]["account"].pop("notes") == {"more than 8 bits a channel": 24}
    assert metadata[0]["account"].pop("notes") == {}
    for each in metadata:
        del each["raw_manifest_sha256"]
    assert metadata[0] == metadata[1]


def test_12_bits_in_16_are_prepared_as_8_when_it_is_said_what_is_white(tmp_path: Path) -> None:
    for seed in range(20):
        path = tmp_path / f"source/{'hat' if seed % 2 else 'shoe'}/{seed:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.rint(picture(seed) * (4095 / 255)).astype(np.uint16)
        path.write_bytes(deep_files.png(values))
    (tmp_path / "source/hat/00.png").write_bytes(deep_files.png(picture(40)))  # 8 bits beside the others
    params = section(value_max=4095)
    schema = schema_of(tmp_path / "source", params)
    assert schema["value"] == {"min": 0, "max": 255}
    ready = line.prepared(tmp_path, tmp_path / "source", params, schema)
    images = np.concatenate([columns.load(ready).column(name, "image").all() for name in SPLITS])
    expected = {picture(seed).tobytes() for seed in (*range(20), 40)}
    assert len(images) == 21 and {image.tobytes() for image in images} == expected
    with pytest.raises(DataError, match=r"20 unreadable|20 mode RGB, 16 bits"):
        line.prepared(tmp_path, tmp_path / "source", section(), schema)


def test_what_predict_needs_to_read_a_file_as_training_did_is_in_the_assets(source: Path, tmp_path: Path) -> None:
    plain = line.prepared(tmp_path, source, section(), SCHEMA)
    assert read_json(plain / "assets/input.json") == {"shape": [8, 8, 3], "value_max": 255}
    changed = section(value_max=4095, ground=[1, 2, 3], max_pixels=100)
    ready = line.prepared(tmp_path, source, changed, SCHEMA)
    (tmp_path / "deep.png").write_bytes(deep_files.png(np.rint(picture(3) * (4095 / 255)).astype(np.uint16)))
    got = ImageData().parse([str(tmp_path / "deep.png")], ready / "assets")["image"]
    assert (got[0] == picture(3)).all()
    save(tmp_path / "large.png", picture(3, 11, 11))
    with pytest.raises(DataError, match="too large: 11x11 pixels, more than max_pixels, 100"):
        ImageData().parse([str(tmp_path / "large.png")], ready / "assets")
    Image.new("RGBA", (8, 8)).save(tmp_path / "clear.png")
    assert (ImageData().parse([str(tmp_path / "clear.png")], ready / "assets")["image"] == [1, 2, 3]).all()


Fault = Callable[[Path, Array, np.random.Generator], object]  # writes a file that begins with a path
PLAIN: Fault = lambda path, image, random: Image.fromarray(image).save(  # noqa: E731
    path.with_suffix(str(random.choice([".png", ".JPG", ".webp", ".BMP", ".Tiff"])))
)
FAULTS: list[Fault] = [
    lambda path, image, random: path.with_suffix(str(random.choice([".txt", ".db", "", ".mp4", ".jpg.part"]))).touch(),
    lambda path, image, random: path.with_suffix(".jpg").write_bytes(random.bytes(int(random.integers(0, 99)))),
    lambda path, image, random: path.with_suffix(".png").write_bytes(deep_files.png(image)[: random.integers(9, 200)]),
    lambda path, image, random: path.with_suffix(".tif").write_bytes(deep_files.tiff(image.astype(np.uint16) * 16)),
    lambda path, image, random: Image.fromarray(np.ones((8, 8), np.float32)).save(path.with_suffix(".tiff")),
    lambda path, image, random: animated(path.with_suffix(".gif"), image),
    lambda path, image, random: save(path.with_suffix(".png"), picture(int(random.integers(5)))),  # copies
    lambda path, image, random: save(path.with_suffix(".png"), np.zeros((8, 8, 3), np.uint8)),
    lambda path, image, random: save(path.with_suffix(".png"), picture(0, 12, 12)),
    lambda path, image, random: save(path.with_name(f"._{path.name}.png"), image),
    lambda path, image, random: save(path.parent / "folder.jpg" / f"{path.name}.png", image),
    lambda path, image, random: path.with_suffix(".png").symlink_to("../hat/linked.png"),
]


def animated(path: Path, image: Array) -> None:
    frames = [Image.fromarray(each) for each in (image, image[::-1])]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def some_files(folder: Path, random: np.random.Generator, count: int) -> None:
    """So many files with every fault that a folder of pictures may have, and nearly as many without."""
    save(folder / "hat/linked.png", picture(5000))
    for number in range(count):
        within = str(random.choice(["hat", "shoe", ".hidden", "holdout"], p=[0.47, 0.47, 0.03, 0.03]))
        path = folder / within / f"{number:04d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        fault = PLAIN if random.random() < 0.4 else FAULTS[random.integers(len(FAULTS))]
        fault(path, picture(number), random)


@pytest.mark.parametrize("seed", range(2))
def test_every_file_is_kept_or_quarantined_or_counted(seed: int, tmp_path: Path) -> None:
    source = tmp_path / "source"
    some_files(source, np.random.default_rng(seed), 1000)
    params = section(max_bad_fraction=1.0, folders="class", split_folders={"holdout": None})
    ready = line.prepared(tmp_path, source, params, SCHEMA)
    metadata = read_json(ready / "dataset.json")
    total = sum(not path.is_dir() for path in source.rglob("*"))
    kept = sum(columns.load(ready).rows(name) for name in SPLITS)
    quarantined, named = len(quarantine(ready)), sum(metadata["account"]["other_files"].values())
    assert kept + quarantined + named == total
    assert quarantined == sum(metadata["quarantined"].values())
    assert min(kept, quarantined, named) > 30 and len(metadata["account"]["other_files"]) > 5
    assert {"mode F", "unreadable", "empty", "wrong size", "duplicate"} <= set(metadata["quarantined"])
    assert metadata["account"]["notes"]["first of several frames"] > 10
