"""Columns on disk: one memory-mapped `.npy` file per column and shard, with their SHA-256 sums in `dataset.json`."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json, sha256
from tasks.data.records import SPLITS, Array, SplitName

DATASET = "dataset.json"


def write_split(
    folder: Path, split: str, columns: dict[str, Array], rows: Array, shard_rows: int
) -> list[dict[str, Any]]:
    """Write the chosen rows of each column as shards; return what `dataset.json` says of them."""
    shards: list[dict[str, Any]] = []
    (folder / split).mkdir()
    for start in range(0, len(rows), shard_rows):
        chosen = rows[start : start + shard_rows]
        shard: dict[str, Any] = {"rows": len(chosen)}
        for name, column in columns.items():
            path = f"{split}/{name}-{len(shards):05d}.npy"
            np.save(folder / path, np.ascontiguousarray(column[chosen]))
            shard[name] = {"path": path, "sha256": sha256(folder / path)}
        shards.append(shard)
    return shards


def normalisation(folder: Path, shards: list[dict[str, Any]]) -> dict[str, float]:
    """Return mean and standard deviation of all pixels of the training split; see `moments`."""
    return moments(np.load(folder / shard["image"]["path"], mmap_mode="r") for shard in shards)


def moments(images: Iterable[Array]) -> dict[str, float]:
    """Return mean and standard deviation of all pixels of uint8, from sums of whole numbers.

    The mean is rounded to a whole pixel value: with scale 1/std an int8 input then has a whole zero point, so that the
    device feeds `raw - 128` and no operator is added for it.
    """
    count, total, squares = 0, 0, 0
    for pixels in images:
        count += pixels.size
        total += int(pixels.sum(dtype=np.uint64))
        squares += int(np.square(pixels, dtype=np.uint16).sum(dtype=np.uint64))
    variance = squares / count - (total / count) ** 2
    return {"mean": round(total / count), "std": round(variance**0.5, 6)}


class Column:
    """The rows of one column of one split, across its shards, read through memory maps."""

    def __init__(self, shards: list[Array]) -> None:
        self._shards = shards
        self._ends = np.cumsum([len(shard) for shard in shards])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._shards) else 0

    def take(self, rows: Array) -> Array:
        """Return the given rows, (len(rows), ...), in the order asked for."""
        if len(self._shards) == 1:
            return np.asarray(self._shards[0][rows])
        shard_of = np.searchsorted(self._ends, rows, side="right")
        taken = np.empty((len(rows), *self._shards[0].shape[1:]), self._shards[0].dtype)
        for index in np.unique(shard_of):
            here = shard_of == index
            first = self._ends[index] - len(self._shards[index])
            taken[here] = self._shards[index][rows[here] - first]
        return taken

    def all(self) -> Array:
        """Return the whole column in memory."""
        return np.concatenate(self._shards) if len(self._shards) > 1 else np.asarray(self._shards[0])


@dataclass(frozen=True)
class Dataset:
    """A preprocessed data set, opened by `load`."""

    folder: Path
    facts: dict[str, Any]

    @cached_property
    def classes(self) -> list[str]:
        """The class names; a label is an index into them."""
        return list(self.facts["classes"])

    @cached_property
    def attributes(self) -> list[str]:
        """The names of the columns that describe the rows and are no input of the model."""
        return list(self.facts["attributes"])

    def rows(self, split: SplitName) -> int:
        """Return the number of rows of a split."""
        return sum(shard["rows"] for shard in self.facts["splits"][split])

    def column(self, split: SplitName, name: str) -> Column:
        """Open a column: `image` (rows, height, width, channels) uint8, `label` (rows,) int32, `row` (rows,) int64.

        An attribute is (rows,) of float64 or of text.

        Raises:
            DataError: the split has no rows.
        """
        shards = self.facts["splits"][split]
        if not shards:
            raise DataError(
                got=f"no rows in split {split!r} of {self.folder}",
                expected="at least one",
                do=f"raise preprocess.{self.folder.name}.split.{split}",
            )
        return Column(self._opened(shards, name))

    def pooled(self, name: str) -> Column:
        """Open a column over all splits: training rows first, then validation, then test."""
        return Column(self._opened([shard for split in SPLITS for shard in self.facts["splits"][split]], name))

    def names(self) -> list[str]:
        """Return the names of the columns."""
        return [name for name, column in self.facts["splits"]["train"][0].items() if isinstance(column, dict)]

    def _opened(self, shards: list[dict[str, Any]], name: str) -> list[Array]:
        return [np.load(self.folder / shard[name]["path"], mmap_mode="r") for shard in shards]


def load(folder: Path) -> Dataset:
    """Open a data set after comparing every shard with its SHA-256 sum.

    Raises:
        DataError: a shard is missing or its bytes are not those that preprocess wrote.
    """
    facts = read_json(folder / DATASET)
    for shards in facts["splits"].values():
        for shard in shards:
            for column in (value for value in shard.values() if isinstance(value, dict)):
                _require_intact(folder / column["path"], column["sha256"])
    return Dataset(folder, facts)


def _require_intact(path: Path, expected: str) -> None:
    got = sha256(path) if path.exists() else "no file"
    if got != expected:
        raise DataError(
            got=f"{path}: {got}",
            expected=f"SHA-256 {expected}, as preprocess wrote it",
            do=f"the file was damaged after it was made: delete {path.parents[1]} and run `dvc repro` again",
        )
