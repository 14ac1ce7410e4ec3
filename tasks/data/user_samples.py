"""Samples of a user, from an `.npz` file or from arrays in memory."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from tasks.core.errors import DataError
from tasks.data.columns import Column, Dataset
from tasks.data.records import Array, SplitName
from tasks.data.splits import content_digests

DTYPES = ("float32", "uint8", "int8")
MIN_ROWS = 20
CALIBRATION_FRACTION = 0.25
MAX_CALIBRATION_ROWS = 128


@dataclass(frozen=True)
class Samples:
    """Rows that a model takes.

    Attributes:
        x: (rows, ...) of float32, uint8 or int8.
        y: class numbers, (rows,) of an integer type, None where there are none.
    """

    x: Array
    y: Array | None

    def take(self, rows: Array) -> "Samples":
        """Return the given rows."""
        return Samples(self.x[rows], None if self.y is None else self.y[rows])


def load(path: Path) -> Samples:
    """Read and check a file of samples; see `checked`.

    Raises:
        DataError: there is no such file, it is no `.npz`, it lacks `x`, or its arrays hold Python objects.
    """
    if not path.is_file():
        raise DataError(got=f"no file {path}", do="correct the path")
    try:
        opened = np.load(path, allow_pickle=False)
        if not isinstance(opened, np.lib.npyio.NpzFile):
            raise _unreadable(path, "a single array")
        with opened as file:
            if "x" not in file:
                raise DataError(
                    got=f"{path} with {', '.join(file) or 'no arrays'}", expected="an array x of shape (rows, ...)",
                    do="save it with numpy.savez(path, x=rows, y=labels)",
                )  # fmt: skip
            x, y = file["x"], file.get("y")
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise _unreadable(path, str(error)) from None
    return checked(x, y, str(path))


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        got=f"{path}: {reason}", expected=f"an .npz file of numbers ({', '.join(DTYPES)}), without Python objects",
        do="save it with numpy.savez(path, x=rows, y=labels)",
    )  # fmt: skip


def checked(x: Array, y: Array | None, where: str) -> Samples:
    """Return samples that can be worked with.

    Args:
        x: rows.
        y: labels, or None.
        where: the samples come from, for people.

    Raises:
        DataError: too few different rows, NaN or infinite values, or labels that are no class numbers of the rows.
    """
    x = _of_known_type(x, where)
    if x.ndim < 2:
        raise DataError(
            got=f"{where}: x of shape {x.shape}", expected="(rows, ...): one row for each sample",
            do="save x.reshape(rows, -1), or in the shape that the model takes",
        )  # fmt: skip
    if not len(x) or not x[0].size:
        raise DataError(
            got=f"{where}: no samples, x has shape {x.shape}", expected=f"at least {MIN_ROWS} rows", do="add samples"
        )
    if bad := int((~np.isfinite(x).reshape(len(x), -1).all(axis=1)).sum()):
        raise DataError(
            got=f"{where}: NaN or infinite values in {bad} of {len(x)} rows",
            do="remove those rows, or correct the code that produced them",
        )  # fmt: skip
    different = len(np.unique(digests(x)))
    if different < MIN_ROWS:
        description = f"{len(x)} equal rows" if different == 1 and len(x) > 1 else f"{different} different rows"
        raise DataError(
            got=f"{where}: {description}",
            expected=f"at least {MIN_ROWS} different rows, of the kind that the model will see",
            do="add samples",
        )  # fmt: skip
    return Samples(x, None if y is None else _labels(y, len(x), where))


def _of_known_type(x: Array, where: str) -> Array:
    """Return the rows as they are where a device is fed such, else as float32.

    Raises:
        DataError: they are no real numbers, or float32 does not hold them.
    """
    if x.dtype.name in DTYPES:
        return x
    if x.dtype.kind not in "biuf":
        raise DataError(
            got=f"{where}: x of {'str' if x.dtype.kind in 'US' else x.dtype.name}",
            expected="real numbers, as the model takes them",
            do="encode the rows as for the model's training, and save the numbers",
        )
    with np.errstate(over="ignore"):
        taken = x.astype(np.float32)
    if x.dtype.kind in "iu" and (taken.astype(np.float64) != x.astype(np.float64)).any():
        raise DataError(
            got=f"{where}: x of {x.dtype.name} with numbers that float32 does not hold exactly, up to {x.max()}",
            expected=f"integers up to {2**24:,}, or real numbers", do="scale x as for the model's training",
        )  # fmt: skip
    return taken


def _labels(y: Array, rows: int, where: str) -> Array:
    if y.shape != (rows,) or not np.issubdtype(y.dtype, np.integer) or y.min() < 0:
        got = f"{where}: y of {y.dtype.name}, shape {y.shape}"
        if np.issubdtype(y.dtype, np.integer) and y.size:
            got += f", from {y.min()} to {y.max()}"
        raise DataError(got=got, expected=f"({rows},) class numbers, integers from 0", do="correct y, or leave it out")
    return y


def require_fit(samples: Samples, shape: tuple[int, ...], classes: int, where: str) -> None:
    """Refuse samples that are not those of the model.

    Args:
        samples: checked.
        shape: of one row that the model takes.
        classes: that its output can tell apart.
        where: the samples come from, for people.

    Raises:
        DataError: another shape, or a label that the model has no output for.
    """
    if samples.x.shape[1:] != shape:
        raise DataError(
            got=f"{where}: rows of shape {samples.x.shape[1:]}", expected=f"{shape}, as the model takes them",
            do="prepare the samples as for the model's training",
        )  # fmt: skip
    if samples.y is not None and samples.y.max() >= classes:
        raise DataError(
            got=f"{where}: label {samples.y.max()}", expected=f"0 to {classes - 1}: the model has {classes} classes",
            do="correct y, or leave it out",
        )  # fmt: skip


def digests(x: Array) -> Array:
    """Return a digest of each row's values, whatever type they have: (rows,) of void."""
    return content_digests(x.astype(np.float32) + np.float32(0))  # -0.0 becomes 0.0


def split(samples: Samples) -> tuple[Samples, Samples]:
    """Return calibration rows and measuring rows; equal contents are on one side, in whatever order they come."""
    contents, first, group = np.unique(digests(samples.x), return_index=True, return_inverse=True)
    count = min(MAX_CALIBRATION_ROWS, round(CALIBRATION_FRACTION * len(contents)))
    return samples.take(first[:count]), samples.take(np.flatnonzero(group >= count))


def calibration_beside(samples: Samples, test: Samples, where: str) -> Samples:
    """Return calibration rows, where the rows that are measured on come from a file of their own.

    Raises:
        DataError: a row is in both.
    """
    contents, first = np.unique(digests(samples.x), return_index=True)
    if shared := int(np.isin(digests(test.x), contents).sum()):
        raise DataError(
            got=f"{where}: {shared} of {len(test.x)} test rows are calibration samples, too",
            expected="none: a row that calibrates the model must not measure it",
            do="remove these rows from one of the two files",
        )
    return samples.take(first[:MAX_CALIBRATION_ROWS])


VALIDATION_FRACTION = 0.2


@dataclass(frozen=True)
class InMemory(Dataset):
    """Rows and labels of a training and a validation split; equal contents are in one split.

    Attributes:
        columns: by split and name: `image` (rows, ...) float32, `label` (rows,) int32.
    """

    columns: dict[str, dict[str, Array]]

    def rows(self, split: SplitName) -> int:
        """Return the number of rows of a split."""
        return len(self.columns[split]["label"])

    def column(self, split: SplitName, name: str) -> Column:
        """Return a column of a split."""
        return Column([self.columns[split][name]])


def in_memory(x: Array, labels: Array, num_classes: int) -> InMemory:
    """Split rows by their content.

    Args:
        x: (rows, ...) of float32.
        labels: (rows,) of integers.
        num_classes: that the labels come from.
    """
    contents, group = np.unique(digests(x), return_inverse=True)
    validation = group < max(1, round(VALIDATION_FRACTION * len(contents)))
    columns = {
        split: {"image": x[rows], "label": labels[rows].astype(np.int32)}
        for split, rows in (("train", ~validation), ("validation", validation))
    }
    metadata = {
        "kind": "image_classification",
        "target": "label",
        "classes": [str(number) for number in range(num_classes)],
        "inputs": {"image": {"shape": list(x.shape[1:]), "dtype": "float32"}},
        "splits": {},
    }
    return InMemory(Path(), metadata, columns)
