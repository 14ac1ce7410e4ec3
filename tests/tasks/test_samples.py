"""Samples are refused before any work, and no row is calibrated and measured on."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import DataError
from tasks.data import user_samples
from tasks.data.user_samples import Samples
from tests.tasks import own

X, Y = own.digits()


def with_nan() -> Any:
    x = X[:100].copy()
    x[7, 2, 2] = np.nan
    return x


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"images": X[:50]}, "with images"),
        ({"x": X[:0]}, "no samples"),
        ({"x": X[:19]}, "19 different rows"),
        ({"x": np.repeat(X[:10], 9, axis=0)}, "10 different rows"),
        ({"x": np.repeat(X[:1], 90, axis=0)}, "90 equal rows"),
        ({"x": with_nan()}, "NaN or infinite values in 1 of 100 rows"),
        ({"x": np.full_like(X[:100], -np.inf)}, "NaN or infinite values in 100 of 100 rows"),
        ({"x": X[:100].astype(np.complex64)}, "x of complex64"),
        ({"x": np.arange(100, dtype=np.float32)}, r"shape \(100,\)"),
        ({"x": np.array([object()] * 50)}, "Object arrays cannot be loaded"),
        ({"x": X[:100], "y": np.array(["one"] * 100, dtype=object)}, "Object arrays cannot be loaded"),
        ({"x": X[:100], "y": Y[:99]}, r"y of int64, shape \(99,\)"),
        ({"x": X[:100], "y": Y[:100].astype(np.float32)}, "y of float32"),
        ({"x": X[:100], "y": Y[:100] - 5}, "from -5 to 4"),
    ],
)
def test_arrays_that_are_no_samples_are_refused(arrays: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=told):
        user_samples.load(own.samples(tmp_path / "samples.npz", **arrays))


class Trap:
    def __reduce__(self) -> Any:
        return pytest.fail, ("a pickle was read",)


@pytest.mark.parametrize("content", [b"", b"no zip", pickle.dumps(Trap()), b"PK\x03\x04 truncated"])
def test_a_file_that_is_no_npz_is_refused_and_no_pickle_is_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"samples\.npz: .*\nexpected: an \.npz file of numbers"):
        user_samples.load(path)


def test_a_missing_or_truncated_file_a_folder_and_a_single_array_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.npz", tmp_path):
        with pytest.raises(DataError, match="no file"):
            user_samples.load(path)
    np.save(tmp_path / "single.npy", X)
    with pytest.raises(DataError, match="a single array"):
        user_samples.load(tmp_path / "single.npy")
    whole = own.samples(tmp_path / "whole.npz")
    (tmp_path / "half.npz").write_bytes(whole.read_bytes()[:100_000])
    with pytest.raises(DataError, match=r"half\.npz"):
        user_samples.load(tmp_path / "half.npz")


def test_samples_of_another_shape_or_with_a_label_too_high_do_not_fit_the_model() -> None:
    with pytest.raises(DataError, match=r"rows of shape \(8, 8, 1\)\nexpected: \(64,\)"):
        user_samples.require_fit(Samples(X, Y), (64,), 10, "samples.npz")
    with pytest.raises(DataError, match="label 9\nexpected: 0 to 8"):
        user_samples.require_fit(Samples(X, Y), (8, 8, 1), 9, "samples.npz")
    user_samples.require_fit(Samples(X, Y), (8, 8, 1), 10, "samples.npz")


def test_calibration_and_measuring_rows_share_no_content_and_do_not_depend_on_order() -> None:
    doubled = Samples(np.concatenate([X, X[::-1]]), np.concatenate([Y, Y[::-1]]))
    calibration, measuring = user_samples.split(doubled)
    contents = {row.tobytes() for row in X}
    calibrated, measured = ({row.tobytes() for row in part.x} for part in (calibration, measuring))
    assert calibrated.isdisjoint(measured) and calibrated | measured == contents
    assert len(calibration.x) == len(calibrated) == 128
    assert measuring.y is not None and len(measuring.y) == 2 * len(measured)

    again, _ = user_samples.split(Samples(X[::-1], Y[::-1]))
    assert {row.tobytes() for row in again.x} == calibrated
    small, rest = user_samples.split(Samples(X[:40], None))
    assert (len(small.x), len(rest.x)) == (10, 30)


def test_labels_stay_with_their_rows() -> None:
    label_of = {row.tobytes(): label for row, label in zip(X, Y, strict=True)}
    for part in user_samples.split(Samples(X, Y)):
        assert part.y is not None
        assert [label_of[row.tobytes()] for row in part.x] == part.y.tolist()


def test_a_sample_that_is_a_test_row_too_is_refused_whatever_its_type() -> None:
    raw = np.round(X * 16).astype(np.uint8)
    given, test = Samples(raw[:100].astype(np.float32), None), Samples(raw[99:200], None)
    with pytest.raises(DataError, match="1 of 101 test rows are calibration samples, too"):
        user_samples.calibration_beside(given, test, "test.npz")
    assert len(user_samples.calibration_beside(given, Samples(raw[100:200], None), "test.npz").x) == 100
    negative_zero = given.x.copy()
    negative_zero[negative_zero == 0] = -0.0
    assert (user_samples.digests(negative_zero) == user_samples.digests(given.x)).all()
