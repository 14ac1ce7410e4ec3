"""Columns on disk: shards of any length read back as numpy would have kept them, and never damaged."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import DataError
from tasks.core.files import read_json
from tasks.data import columns
from tasks.data.records import Array, Columns
from tasks.data.shards import write_split
from tests.tasks import line

ROWS = np.random.default_rng(0).integers(0, 256, (50, 3, 2, 1), dtype=np.uint8)


def in_shards(chosen: Array) -> Iterator[Columns]:
    return ({"image": ROWS[chosen[start : start + 10]]} for start in range(0, len(chosen), 10))


@pytest.mark.parametrize("count", [1, 9, 10, 11, 19, 20, 21, 50])
def test_shards_around_their_length_read_back_as_numpy_kept_them(count: int, tmp_path: Path) -> None:
    chosen = np.random.default_rng(count).permutation(50)[:count]
    shards = write_split(tmp_path, "train", in_shards(chosen))
    assert [shard["rows"] for shard in shards] == [10] * (count // 10) + [count % 10] * bool(count % 10)
    column = columns.Column([np.load(tmp_path / shard["image"]["path"]) for shard in shards])
    assert len(column) == count
    assert (column.all() == ROWS[chosen]).all() and column.all().dtype == np.uint8
    for wanted in (np.arange(count), np.arange(count)[::-1], np.repeat(np.arange(count), 2), np.array([count - 1, 0])):
        assert (column.take(wanted) == ROWS[chosen][wanted]).all()


def test_no_rows_make_no_shards(tmp_path: Path) -> None:
    assert write_split(tmp_path, "test", in_shards(np.arange(0))) == []


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    return line.prepared(tmp_path, line.csv_of(tmp_path, line.digits(0, 200)), line.section(shard_rows=50))


def test_the_normalisation_is_that_of_the_training_split_alone_as_numpy_computes_it(ready: Path) -> None:
    data = columns.load(ready)
    train = data.column("train", "image").all().astype(np.float64)
    assert data.metadata["normalisation"] == {
        "mean": round(train.mean()),
        "std": pytest.approx(train.std(), abs=1e-6),
    }
    whole = np.concatenate([train, data.column("test", "image").all()])
    assert abs(whole.std() - train.std()) > 1e-3  # else the line above would not tell them apart


@pytest.mark.parametrize("name", ["train/image-00000.npy", "train/label-00001.npy", "test/row-00000.npy"])
def test_a_single_flipped_bit_in_a_shard_is_refused_by_name(name: str, ready: Path) -> None:
    content = bytearray((ready / name).read_bytes())
    content[-1] ^= 1
    (ready / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        columns.load(ready)


def test_a_missing_shard_is_refused_by_name(ready: Path) -> None:
    (ready / "train/image-00001.npy").unlink()
    with pytest.raises(DataError, match=r"train/image-00001.npy: no file"):
        columns.load(ready)


def test_columns_are_read_through_memory_maps_with_the_dtypes_that_are_promised(ready: Path) -> None:
    data = columns.load(ready)
    kinds = {name: data.column("train", name).take(np.array([0])).dtype for name in ("image", "label", "row")}
    assert kinds == {"image": np.uint8, "label": np.int32, "row": np.int64}
    assert all(isinstance(shard, np.memmap) for shard in data.column("train", "image")._shards)


def test_every_file_of_the_artifact_is_named_by_dataset_json(ready: Path) -> None:
    shards = [shard for split in read_json(ready / "dataset.json")["splits"].values() for shard in split]
    named = {shard[column]["path"] for shard in shards for column in ("image", "label", "row")}
    named |= {part["path"] for shard in shards for part in (shard["row_source"], shard["row_source"]["ends"])}
    assert set(line.tree(ready)) == named | {
        "dataset.json",
        "near_copies.csv",
        "quarantine.csv",
        "assets/input.json",
        "assets/labels.txt",
    }
