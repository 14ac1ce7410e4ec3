"""Columns on disk: one memory-mapped `.npy` file per column and shard, with their SHA-256 sums in `dataset.json`."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.errors import DataError, ParamsError
from tasks.contracts.files import read_json, sha256
from tasks.data.records import SPLITS, Array, Columns, SplitName
from tasks.data.staging import texts

DATASET, ASSETS = "dataset.json", "assets"


def write_split(folder: Path, split: str, shards: Iterable[Columns]) -> list[dict[str, Any]]:
    """Write columns shard by shard; return what `dataset.json` says of them."""
    written: list[dict[str, Any]] = []
    (folder / split).mkdir()
    for number, columns in enumerate(shards):
        shard: dict[str, Any] = {"rows": len(next(iter(columns.values())))}
        for name, values in columns.items():
            shard[name] = _written(folder, f"{split}/{name}-{number:05d}", values)
        written.append(shard)
    return written


def _written(folder: Path, path: str, values: Array) -> dict[str, Any]:
    """Write a column of a shard; texts of any length are two files, their bytes and where each text ends."""
    if values.dtype != object:
        return _saved(folder, f"{path}.npy", np.ascontiguousarray(values))
    encoded = [text.encode("utf-8") for text in values.tolist()]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    content = _saved(folder, f"{path}.npy", np.frombuffer(b"".join(encoded), np.uint8))
    return {**content, "ends": _saved(folder, f"{path}.ends.npy", ends)}


def _saved(folder: Path, path: str, values: Array) -> dict[str, Any]:
    content = BytesIO()
    np.save(content, values)
    (folder / path).write_bytes(content.getbuffer())  # numpy does not say that the disk is full
    return {"path": path, "sha256": sha256(folder / path)}


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

    def __init__(self, shards: "list[Array | Texts]") -> None:
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
        whole = [shard[np.arange(len(shard))] if isinstance(shard, Texts) else shard for shard in self._shards]
        return np.concatenate(whole) if len(whole) > 1 else np.asarray(whole[0])


class Chosen(Column):
    """Some rows of a column, in an order of their own."""

    def __init__(self, column: Column, rows: Array) -> None:
        super().__init__([])
        self._column, self._rows = column, rows

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: Array) -> Array:
        """Return the given ones of the chosen rows."""
        return self._column.take(self._rows[rows])

    def all(self) -> Array:
        """Return all chosen rows in memory."""
        return self._column.take(self._rows)


class Texts:
    """The texts of a shard, read through memory maps; it is indexed as an array is."""

    dtype = np.dtype(object)
    shape = (0,)

    def __init__(self, content: Array, ends: Array) -> None:
        self._content, self._ends = content, ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, rows: Array) -> Array:
        return texts(self._content, self._ends[:-1][rows], self._ends[1:][rows])


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
    def inputs(self) -> dict[str, dict[str, Any]]:
        """Shape and type of a row of each column that the model is fed, by name."""
        return dict(self.facts["inputs"])

    @property
    def target(self) -> str:
        """The name of the column that the model learns."""
        return str(self.facts["target"])

    @property
    def assets(self) -> Path:
        """The folder of what a raw row is encoded with: class names, a vocabulary."""
        return self.folder / ASSETS

    @cached_property
    def attributes(self) -> list[str]:
        """The names of the columns that describe the rows and are no input of the model."""
        return list(self.facts["attributes"])

    def rows(self, split: SplitName) -> int:
        """Return the number of rows of a split."""
        return sum(shard["rows"] for shard in self.facts["splits"][split])

    def column(self, split: SplitName, name: str) -> Column:
        """Open a column, (rows, ...): an input of the model, its target, an attribute, or `row`, (rows,) of int64.

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

    def chosen(self, split: SplitName, columns: Iterable[str], told: str) -> Columns:
        """Return whole columns that a person has named, (rows,) each.

        Raises:
            ParamsError: the data set lacks one.
        """
        if missing := sorted(set(columns) - set(self.attributes)):
            raise ParamsError(
                got=f"{told} of {', '.join(missing)}",
                expected=f"columns of the target: {', '.join(self.attributes) or 'it has none'}",
                do="correct the name, or bring the column: preprocess.target.attributes",
            )
        return {name: self.column(split, name).all() for name in columns}

    def fed(self, split: SplitName) -> Columns:
        """Return all rows of the columns that the model is fed."""
        return {name: self.column(split, name).all() for name in self.inputs}

    def _opened(self, shards: list[dict[str, Any]], name: str) -> "list[Array | Texts]":
        return [self._open(shard[name]) for shard in shards]

    def _open(self, column: dict[str, Any]) -> "Array | Texts":
        values = np.load(self.folder / column["path"], mmap_mode="r")
        if "ends" in column:
            return Texts(values, np.load(self.folder / column["ends"]["path"], mmap_mode="r"))
        array: Array = values
        return array


def load(folder: Path) -> Dataset:
    """Open a data set after comparing every shard with its SHA-256 sum.

    Raises:
        DataError: a shard is missing or its bytes are not those that preprocess wrote.
    """
    facts = read_json(folder / DATASET)
    for path, expected in _sums(facts).items():
        _require_intact(folder / path, expected)
    for name, expected in facts["assets"].items():
        _require_intact(folder / ASSETS / name, expected)
    return Dataset(folder, facts)


def files(folder: Path) -> list[Path]:
    """Return all shards that a data set has by its own word, without looking at them."""
    return [folder / path for path in _sums(read_json(folder / DATASET))]


def _sums(facts: dict[str, Any]) -> dict[str, str]:
    """Return the SHA-256 sum of each file of each shard, by its path in the folder."""
    shards = [shard for split in facts["splits"].values() for shard in split]
    columns = [value for shard in shards for value in shard.values() if isinstance(value, dict)]
    return {
        file["path"]: file["sha256"]
        for column in columns
        for file in (column, *([column["ends"]] if "ends" in column else []))
    }


def _require_intact(path: Path, expected: str) -> None:
    got = sha256(path) if path.exists() else "no file"
    if got != expected:
        raise DataError(
            got=f"{path}: {got}",
            expected=f"SHA-256 {expected}, as preprocess wrote it",
            do=f"the file was damaged after it was made: delete {path.parents[1]} and run `dvc repro` again",
        )
