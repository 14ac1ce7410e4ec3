"""A data set in memory, in the place of one on disk."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.data.columns import Column, Dataset
from tasks.data.records import Array, SplitName
from tasks.data.samples import digests

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
    facts = {
        "kind": "image_classification",
        "target": "label",
        "classes": [str(number) for number in range(num_classes)],
        "inputs": {"image": {"shape": list(x.shape[1:]), "dtype": "float32"}},
        "splits": {},
    }
    return InMemory(Path(), facts, columns)
