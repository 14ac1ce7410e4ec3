"""What the folds say together: mean and spread of each metric, and a table for `dvc plots`."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks.data.parted import Parts
from tasks.metrics.kind_evaluation import Scored

Values = Mapping[str, float | None]


def told(parts: list[Parts], epochs: list[int], scored: Sequence[Scored]) -> dict[str, Any]:
    """Return what the report says of the folds and of them together; `undefined` tells why a figure is missing.

    Args:
        parts: rows of each fold, with those that it measures.
        epochs: of training in each fold.
        scored: `values` by metric and `undefined` by metric of each fold.
    """
    return {
        "folds": [
            {"fold": number, "rows": len(part["test"]), "epochs": of_fold, **one.values}
            for number, (part, of_fold, one) in enumerate(zip(parts, epochs, scored, strict=True))
        ],
        **together([one.values for one in scored]),
        "undefined": {f"fold {number}": dict(one.undefined) for number, one in enumerate(scored) if one.undefined},
    }


def together(values: list[Values]) -> dict[str, dict[str, float]]:
    """Return mean and sample standard deviation of each metric over the folds.

    The folds share most of their training rows, so that the deviation is no standard error of the mean. A metric that
    is None in any fold is left out: the mean of the others would be one of other rows.
    """
    figures = {name: [one[name] for one in values] for name in values[0]}
    arrays = {name: np.array(of_folds, np.float64) for name, of_folds in figures.items() if None not in of_folds}
    return {
        "mean": {name: float(of_folds.mean()) for name, of_folds in arrays.items()},
        "std": {name: float(of_folds.std(ddof=1)) for name, of_folds in arrays.items()},
    }


def write_table(path: Path, folds: list[dict[str, Any]]) -> None:
    """Write a row per fold; what is undefined is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(folds[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(folds)
