"""What the stages found out about single rows: quarantined ones, near copies, likely wrong labels, rare classes."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tasks.data.columns import Dataset

QUARANTINE, NEAR_COPIES = "quarantine.csv", "near_copies.csv"
SHOWN = 20  # rows of a table; the files have all of them

Row = dict[str, str]


@dataclass(frozen=True)
class Quality:
    """Of the rows of the target.

    Attributes:
        rows: how many are kept.
        reasons: how many are quarantined, by the kind of reason, the most frequent first.
        quarantined: the first of them: `source`, `reason`.
        near_copies: what `dataset.json` says of near copies; empty where none were looked for.
        near_copy_rows: the first of them: `group`, `source`, `split`, `classes_differ`.
        labels: the most suspicious rows, see `tasks.metrics.label_errors.HEADER`; empty where labels were not checked.
        likely_wrong: how many labels are likely wrong.
        class_rows: training rows by class; empty where there are no classes.
    """

    rows: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    quarantined: list[Row] = field(default_factory=list)
    near_copies: dict[str, Any] = field(default_factory=dict)
    near_copy_rows: list[Row] = field(default_factory=list)
    labels: list[Row] = field(default_factory=list)
    likely_wrong: int = 0
    class_rows: dict[str, int] = field(default_factory=dict)


def read(target: Dataset, labels: Path) -> Quality:
    """Read what there is.

    Args:
        target: the data set; its folder has the lists that `preprocess` wrote.
        labels: the list that `cross_validate` wrote.
    """
    suspicious = _rows(labels)
    splits = target.metadata["splits"].values()
    counted = Counter({str(reason): int(count) for reason, count in target.metadata["quarantined"].items()})
    return Quality(
        rows=sum(shard["rows"] for shards in splits for shard in shards),
        reasons=dict(counted.most_common()),
        quarantined=_rows(target.folder / QUARANTINE, SHOWN),
        near_copies=target.metadata.get("near_copies", {}),
        near_copy_rows=_rows(target.folder / NEAR_COPIES, SHOWN),
        labels=suspicious[:SHOWN],
        likely_wrong=sum(row["likely_wrong"] == "yes" for row in suspicious),
        class_rows=_class_rows(target),
    )


def _class_rows(target: Dataset) -> dict[str, int]:
    """Count the training rows of each class; the targets of some kinds are no class, though they have classes."""
    labels = target.column("train", target.target)
    if "classes" not in target.metadata or target.target != "label":
        return {}
    counts = np.bincount(labels.all(), minlength=len(target.classes))
    return dict(zip(target.classes, counts.tolist(), strict=True))


def _rows(path: Path, most: int | None = None) -> list[Row]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return [row for _, row in zip(range(most), rows, strict=False)] if most is not None else list(rows)
