"""Columns on disk: one memory-mapped `.npy` file per column per shard, with SHA-256 sums in `dataset.json`."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import DataError, ParamsError
from tasks.core.files import read_json, sha256
from tasks.data.records import SPLITS, Array, Columns, SplitName


class Texts:
    """Texts that lie in memory maps or arrays; it is indexed as an array is."""

    dtype = np.dtype(object)
    shape = (0,)

    def __init__(self, content: Array, ends: Array) -> None:
        """`ends` begins with the 0 at which the first text starts."""
        self._content, self._ends = content, ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, rows: Array) -> Array:
        found = np.empty(len(rows), object)
        starts, ends = self._ends[:-1][rows].tolist(), self._ends[1:][rows].tolist()
        found[:] = [self._content[start:end].tobytes().decode("utf-8") for start, end in zip(starts, ends, strict=True)]
        return found


def evenly(rows: int, wanted: int) -> Array:
    """Return the indices of `wanted` rows, or of all where there are fewer, evenly from the first to the last."""
    return np.unique(np.linspace(0, rows - 1, min(wanted, rows)).round().astype(np.int64))


def encode_texts(values: Array) -> tuple[Array, Array]:
    """Return the bytes of texts, (rows,) of str objects, and their ends, (rows + 1,) of int64 from 0."""
    texts = [text.encode("utf-8") for text in values.tolist()]
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return np.frombuffer(b"".join(texts), np.uint8), ends


DATASET, ASSETS = "dataset.json", "assets"
ROW_SOURCE = "row_source"  # the column that says where a row came from, for people: `sms.tsv:17`


class Column:
    """The rows of one column of one split, across its shards, read through memory maps."""

    def __init__(self, shards: "list[Array | Texts]") -> None:
        self._shards = shards
        self._quick = [np.asarray(shard) if isinstance(shard, np.memmap) else shard for shard in shards]
        self._ends = np.cumsum([len(shard) for shard in shards])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._shards) else 0

    def take(self, rows: Array) -> Array:
        """Return the given rows, (len(rows), ...), in the given order."""
        if len(self._shards) == 1:
            return np.asarray(self._quick[0][rows])
        shard_of = np.searchsorted(self._ends, rows, side="right")
        taken = np.empty((len(rows), *self._shards[0].shape[1:]), self._shards[0].dtype)
        order = np.argsort(shard_of, kind="stable")
        bounds = np.flatnonzero(np.diff(shard_of[order], prepend=-1, append=len(self._ends))).tolist()
        for start, stop in pairwise(bounds):
            here = order[start:stop]
            shard = self._quick[index := int(shard_of[here[0]])]
            taken[here] = shard[rows[here] - (self._ends[index] - len(shard))]
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


@dataclass(frozen=True)
class Dataset:
    """A preprocessed data set, opened by `load`."""

    folder: Path
    metadata: dict[str, Any]

    @cached_property
    def classes(self) -> list[str]:
        """The class names; a label is an index into them."""
        return list(self.metadata["classes"])

    @cached_property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """Shape and type of a row of each column that the model is fed, by name."""
        return dict(self.metadata["inputs"])

    @property
    def target(self) -> str:
        """The name of the column that the model learns."""
        return str(self.metadata["target"])

    @property
    def assets(self) -> Path:
        """The folder of what a raw row is encoded with: class names, a vocabulary."""
        return self.folder / ASSETS

    @cached_property
    def attributes(self) -> list[str]:
        """The names of the columns that describe the rows and are no input of the model."""
        return list(self.metadata["attributes"])

    @property
    def files(self) -> list[Path]:
        """The files of all shards."""
        return [self.folder / path for path in _sums(self.metadata)]

    def rows(self, split: SplitName) -> int:
        """Return the number of rows of a split."""
        return sum(shard["rows"] for shard in self.metadata["splits"][split])

    def has(self, name: str) -> bool:
        """Tell whether there is a column of this name."""
        return any(name in shard for shards in self.metadata["splits"].values() for shard in shards[:1])

    def column(self, split: SplitName, name: str) -> Column:
        """Open a column, (rows, ...): an input of the model, its target, an attribute, or `row`, (rows,) of int64.

        An attribute is (rows,) of float64 or of text.

        Raises:
            DataError: the split has no rows.
        """
        shards = self.metadata["splits"][split]
        if not shards:
            raise DataError(
                got=f"no rows in split {split!r} of {self.folder}",
                do=f"raise preprocess.{self.folder.name}.split.{split}",
            )
        return Column(self._opened(shards, name))

    def pooled(self, name: str) -> Column:
        """Open a column over all splits: training rows first, then validation, then test."""
        return Column(self._opened([shard for split in SPLITS for shard in self.metadata["splits"][split]], name))

    def row_sources(self, rows: Array) -> list[str]:
        """Return where rows came from, for people; they are counted as `pooled` has them."""
        found: list[str] = self.pooled(ROW_SOURCE).take(rows).tolist()
        return found

    def chosen(self, split: SplitName, columns: Iterable[str], wanted_by: str) -> Columns:
        """Return whole columns that a person has named, (rows,) each.

        Raises:
            ParamsError: the data set lacks one.
        """
        if missing := sorted(set(columns) - set(self.attributes)):
            raise ParamsError(
                got=f"{wanted_by} of {', '.join(missing)}",
                expected=f"columns of the target: {', '.join(self.attributes) or 'it has none'}",
                do="correct the name, or add the column: preprocess.target.attributes",
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
    metadata = read_json(folder / DATASET)
    for path, expected in _sums(metadata).items():
        _require_intact(folder / path, expected)
    for name, expected in metadata["assets"].items():
        _require_intact(folder / ASSETS / name, expected)
    return Dataset(folder, metadata)


def _sums(metadata: dict[str, Any]) -> dict[str, str]:
    """Return the SHA-256 sum of each file of each shard, by its path in the folder."""
    shards = [shard for split in metadata["splits"].values() for shard in split]
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
            do=f"the file was damaged after it was written: delete {path.parents[1]} and run `dvc repro` again",
        )


Parts = dict[SplitName, Array]


@dataclass(frozen=True)
class Subset(Dataset):
    """See the module.

    Attributes:
        parts: the rows of each split, counted over all splits as `Dataset.pooled` has them.
    """

    parts: Parts

    def rows(self, split: SplitName) -> int:
        """Return the number of rows of a part."""
        return len(self.parts[split])

    def column(self, split: SplitName, name: str) -> Column:
        """Open a column of a part."""
        return Chosen(self.pooled(name), self.parts[split])


def write_subset(parts: Parts, path: Path) -> None:
    """Write the rows of each split into an `.npz` file."""
    arrays: dict[str, Any] = {str(name): rows for name, rows in parts.items()}
    with path.open("wb") as file:
        np.savez(file, **arrays)


def read_subset(data: Dataset, path: Path) -> Dataset:
    """Return a data set with the parts of a file that `write` wrote; as it is where there is no such file."""
    if not path.is_file():
        return data
    with np.load(path) as file:
        parts: Parts = {name: file[name] for name in SPLITS}
    return Subset(data.folder, data.metadata, parts)
