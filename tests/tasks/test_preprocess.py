"""`preprocess` as a stage: equal bytes for equal data, and no trust in raw files that ingest did not write."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.core.errors import DataError
from tasks.data import columns
from tasks.data.records import SPLITS
from tests.tasks import line


def test_two_runs_give_equal_bytes_in_every_file(tmp_path: Path) -> None:
    trees = []
    for name in ("one", "another place"):
        folder = line.create(tmp_path / name)
        line.run_all(folder, ["ingest@target", "preprocess@target"])
        trees.append(line.tree(folder / "data"))
    assert trees[0] == trees[1]
    assert len(trees[0]) > 10 and not any(b"another place" in content for content in trees[1].values())


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("change", ["changed", "added", "removed", "damaged"])
def test_a_raw_file_that_was_touched_behind_ingests_back_is_refused(change: str, workers: str, folder: Path) -> None:
    line.run_all(folder, ["ingest@target"])
    raw = folder / "data/raw/target/files"
    match change:
        case "changed":
            (raw / "target.csv").write_text((raw / "target.csv").read_text().replace("16", "15", 1))
        case "added":
            (raw / "more.csv").write_text(line.digits(700, 701)[0])
        case "removed":
            (raw / "target.csv").unlink()
        case "damaged":  # it cannot be cleaned, which is not what is told
            (raw / "target.csv").write_bytes(b"\xff" + (raw / "target.csv").read_bytes())
    done = line.run(folder, "preprocess@target", TRIMLINE_WORKERS=workers)
    assert done.returncode == 65
    assert "1 files of data/raw/target have changed since ingest" in done.stdout
    assert list((folder / "data/ready").glob("*")) == []


def test_images_are_scaled_to_white_and_resized_as_pillow_does(tmp_path: Path) -> None:
    rows = line.digits(0, 120)
    data = columns.load(line.prepared(tmp_path, line.csv_of(tmp_path, rows), line.section(max_bad_fraction=0)))
    raw = np.rint(line.pixels(rows)[..., 0] * (255 / 16)).astype(np.uint8)
    for split in SPLITS:
        images, own = data.column(split, "image").all(), data.column(split, "row").all()
        labels = data.column(split, "label").all()
        for image, row, label in zip(images, own, labels, strict=True):
            expected = Image.fromarray(raw[row]).resize((16, 16), Image.Resampling.BILINEAR)
            assert (image[..., 0] == np.asarray(expected)).all()
            assert rows[row].endswith(f",{label}")


def test_the_result_does_not_hang_on_the_length_of_the_blocks(tmp_path: Path) -> None:
    contents = []
    for shard_rows in (7, 1000):
        folder = tmp_path / str(shard_rows)
        ready = line.prepared(
            folder, line.csv_of(folder, line.digits(0, 150)), line.section(shard_rows=shard_rows)
        )  # fmt: skip
        data = columns.load(ready)
        contents.append([data.column(split, name).all() for split in SPLITS for name in ("image", "label", "row")])
    for one, other in zip(*contents, strict=True):
        assert (one == other).all()


def test_a_value_above_white_never_becomes_a_dark_one(tmp_path: Path) -> None:
    rows = line.digits(0, 120)
    cells = rows[5].split(",")
    cells[0] = "20"
    schema = line.SCHEMA | {"value": {"min": 0, "max": 20}}  # as `tasks.commands.schema` would have observed it
    source = line.csv_of(tmp_path, [*rows[:5], ",".join(cells), *rows[6:]])
    try:
        data = columns.load(line.prepared(tmp_path, source, line.section(image_shape=[8, 8, 1]), schema))
    except DataError:
        return
    for split in SPLITS:
        images, own = data.column(split, "image").all(), data.column(split, "row").all()
        assert (images[own == 5][:, 0, 0, 0] == 255).all()
