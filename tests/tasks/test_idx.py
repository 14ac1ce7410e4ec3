"""IDX files, as MNIST and Fashion-MNIST come in."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import DataError
from tasks.data import columns
from tasks.data.records import Array
from tasks.kinds.image_classification import Preprocess
from tests.tasks import line

ROWS = line.digits(0, 200)
IMAGES = line.pixels(ROWS)[..., 0].astype(np.uint8)
LABELS = np.array([int(row.rpartition(",")[2]) for row in ROWS], np.uint8)
SCHEMA = line.SCHEMA | {"dtype": "uint8"}


def idx(array: Array, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


def section(**changes: Any) -> Preprocess:
    return line.section(format="idx", image_shape=[8, 8, 1], **changes)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """150 rows to train on, plain; 50 to test on, gzipped."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/train-images-idx3-ubyte").write_bytes(idx(IMAGES[:150]))
    (tmp_path / "source/train-labels-idx1-ubyte").write_bytes(idx(LABELS[:150]))
    (tmp_path / "source/t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES[150:])))
    (tmp_path / "source/t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[150:])))
    return tmp_path / "source"


def test_the_t10k_files_are_the_test_split_and_no_pixel_is_lost(source: Path, tmp_path: Path) -> None:
    split = {"validation": 0.1, "test": "given", "seed": 0}
    data = columns.load(line.prepared(tmp_path, source, section(split=split, shard_rows=40), SCHEMA))
    images, labels = data.column("test", "image").all(), data.column("test", "label").all()
    assert (images[..., 0] == np.rint(IMAGES[150:] * (255 / 16))).all() and (labels == LABELS[150:]).all()
    assert data.rows("train") + data.rows("validation") == 150
    assert data.rows("validation") == 20  # a tenth of each class of 20, those of the test split counted


def refused(source: Path, tmp_path: Path) -> str:
    with pytest.raises(DataError) as caught:
        line.prepared(tmp_path, source, section(), SCHEMA)
    return caught.value.got


@pytest.mark.parametrize("length", [0, 3, 10, 16, 1000])
def test_a_truncated_file_is_refused_by_name(length: int, source: Path, tmp_path: Path) -> None:
    path = source / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:length])
    assert refused(source, tmp_path).startswith("train-images-idx3-ubyte, which cannot be read: ")


def test_a_damaged_gzip_is_refused_by_name(source: Path, tmp_path: Path) -> None:
    path = source / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-12] + bytes(12))
    assert refused(source, tmp_path).startswith("t10k-labels-idx1-ubyte.gz, which cannot be read: ")


def test_labels_that_are_too_few_are_refused(source: Path, tmp_path: Path) -> None:
    (source / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:149]))
    assert refused(source, tmp_path) == "150 images in train-images-idx3-ubyte and 149 labels beside it"


def test_labels_that_are_missing_are_refused(source: Path, tmp_path: Path) -> None:
    (source / "train-labels-idx1-ubyte").unlink()
    assert refused(source, tmp_path) == "train-labels-idx1-ubyte, which is missing"


def test_another_element_type_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "train-images-idx3-ubyte").write_bytes(idx(IMAGES[:150], kind=0x0D))
    assert "magic number 00000d03 where 00000803" in refused(source, tmp_path)


@pytest.mark.parametrize("start", [b"\x89PNG", b"\x01\x02\x08\x03"])
def test_a_wrong_magic_number_is_refused(start: bytes, source: Path, tmp_path: Path) -> None:
    path = source / "train-images-idx3-ubyte"
    path.write_bytes(start + path.read_bytes()[4:])
    assert f"magic number {start.hex()}" in refused(source, tmp_path)


def test_an_image_file_of_flat_rows_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "train-images-idx3-ubyte").write_bytes(idx(IMAGES[:150].reshape(150, 64)))
    assert "magic number 00000802" in refused(source, tmp_path)


def test_a_folder_without_idx_files_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    assert "among ['rows.csv']" in refused(line.csv_of(tmp_path, ROWS), tmp_path)
