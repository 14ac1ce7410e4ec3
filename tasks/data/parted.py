"""A data set whose splits are other rows of it than those on disk: a fold, or a part of the training rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.data.columns import Chosen, Column, Dataset
from tasks.data.records import SPLITS, Array, SplitName

Parts = dict[SplitName, Array]


@dataclass(frozen=True)
class Parted(Dataset):
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


def write(parts: Parts, path: Path) -> None:
    """Write the rows of each split into an `.npz` file."""
    arrays: dict[str, Any] = {str(name): rows for name, rows in parts.items()}
    with path.open("wb") as file:
        np.savez(file, **arrays)


def read(data: Dataset, path: Path) -> Dataset:
    """Return a data set with the parts of a file that `write` wrote; as it is where there is no such file."""
    if not path.is_file():
        return data
    with np.load(path) as file:
        parts: Parts = {name: file[name] for name in SPLITS}
    return Parted(data.folder, data.facts, parts)
