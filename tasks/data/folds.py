"""The folds of a cross-validation: each row is measured in one fold, in the others it trains or stops the training.

Rows of equal content cannot be in two folds: preprocess has removed the copies already.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tasks.core.errors import DataError, ParamsError
from tasks.data.columns import Column, Dataset, Parts, Subset
from tasks.data.images import normalisation, sums_of
from tasks.data.records import Array, SplitName
from tasks.data.splits import content_digests

CHUNK_ROWS = 10_000


def split_into_folds(data: Dataset, folds: int, seed: int, group: str | None) -> list[Parts]:
    """Return for each fold the rows that it measures (`test`), those that stop its training, and those that train.

    Rows are counted over all splits, as `Dataset.pooled` has them. Stratified by class. Of the rows that a fold does
    not measure, so large a part of each class stops the training as the validation split is of training and validation.

    Args:
        data: all of its splits are used.
        folds: how many.
        seed: of the shuffling.
        group: a column; all rows of one value are measured in one fold.

    Raises:
        ParamsError: the column is not there, or there are more folds than rows of a class, or than groups.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # seconds, which a fold does not need

    labels = data.pooled(data.target).all()
    if classes := data.metadata.get("classes"):
        _require_rows(labels, classes, folds)
    else:
        labels = np.zeros(len(labels), np.int32)  # numbers: nothing to stratify by
    groups = None if group is None else _groups(data, group, folds)
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    splitter = kind(folds, shuffle=True, random_state=seed)
    fraction = data.rows("validation") / (data.rows("train") + data.rows("validation"))
    parts: list[Parts] = []
    for others, measured in splitter.split(labels, labels, groups):
        stopping = _part_of_each_class(labels, others, fraction, np.random.default_rng([seed, len(parts)]))
        parts.append({"train": np.setdiff1d(others, stopping), "validation": stopping, "test": measured})
    _require_measured(parts, folds, group)
    return parts


def _part_of_each_class(labels: Array, rows: Array, fraction: float, random: np.random.Generator) -> Array:
    chosen = []
    for label in np.unique(labels[rows]):
        members = random.permutation(rows[labels[rows] == label])
        chosen.append(members[: round(fraction * len(members))])
    return np.sort(np.concatenate(chosen))


def _require_rows(labels: Array, classes: list[str], folds: int) -> None:
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    if few := [f"{count} of class {name!r}" for name, count in zip(classes, counts, strict=True) if count < folds]:
        raise ParamsError(
            got=f"rows: {', '.join(few)}",
            expected=f"at least cross_validate.folds: {folds} of each class, one to measure in each fold",
            do="lower cross_validate.folds, or bring more rows",
        )


def _groups(data: Dataset, group: str, folds: int) -> Array:
    if group not in data.attributes:
        raise ParamsError(
            got=f"cross_validate.group: {group!r}",
            expected=f"null, or an attribute of {data.folder}; it has {data.attributes or 'none'}",
            do="correct the name, or set it to null",
        )
    groups = data.pooled(group).all()
    if (count := len(np.unique(groups))) < folds:
        raise ParamsError(
            got=f"{count} groups in column {group!r}",
            expected=f"at least cross_validate.folds: {folds}, one to measure in each fold",
            do="lower cross_validate.folds, or bring rows of more groups",
        )
    return groups


def _require_measured(parts: list[Parts], folds: int, group: str | None) -> None:
    if empty := [number for number, part in enumerate(parts) if not len(part["test"])]:
        raise ParamsError(
            got=f"no rows to measure in fold {empty[0]} of {folds}: whole groups of {group!r} could not fill it",
            expected="rows in each fold",
            do="lower cross_validate.folds, or bring rows of more groups",
        )


def require_stopping(data: Dataset, parts: list[Parts]) -> None:
    """Make sure that each fold can stop its training.

    Raises:
        DataError: one has no rows for that.
    """
    if not all(len(part["validation"]) for part in parts):
        raise DataError(
            got=f"a validation split of {data.rows('validation')} rows in {data.folder}",
            expected="so large a part of the rows that in each fold one at least stops the training",
            do=f"raise preprocess.{data.folder.name}.split.validation",
        )


def rows_in(data: Dataset, base: Dataset) -> int:
    """Count the rows whose content is in the training or validation split of the base data set, too."""
    splits: tuple[SplitName, ...] = ("train", "validation")
    if set(data.inputs) != set(base.inputs):
        return 0
    seen = {
        digest
        for split in splits
        if base.rows(split)
        for digest in _digests([base.column(split, name) for name in data.inputs])
    }
    return sum(digest in seen for digest in _digests([data.pooled(name) for name in data.inputs]))


def _digests(inputs: list[Column]) -> Iterator[tuple[bytes, ...]]:
    for chunks in zip(*map(_chunks, inputs), strict=True):
        yield from zip(*(content_digests(chunk).tolist() for chunk in chunks), strict=True)


def _chunks(images: Column) -> Iterator[Array]:
    for start in range(0, len(images), CHUNK_ROWS):
        yield images.take(np.arange(start, min(start + CHUNK_ROWS, len(images))))


def open_fold(data: Dataset, parts: Parts) -> Subset:
    """Return a fold as a data set; images are normalised as its own training rows ask, as preprocess does it."""
    fold = Subset(data.folder, data.metadata, parts)
    if "normalisation" not in data.metadata:
        return fold
    metadata: dict[str, Any] = {
        **data.metadata,
        "normalisation": normalisation(map(sums_of, _chunks(fold.column("train", "image")))),
    }
    return replace(fold, metadata=metadata)
