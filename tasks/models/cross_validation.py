"""Cross-validation of the fine-tuning: its folds, each tuned in a fresh process, summarised.

Rows of equal content cannot be in two folds: preprocess has removed the copies already.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import SerializeAsAny

from tasks.core.environment import STATE_FOLDER
from tasks.core.errors import DataError, ParamsError
from tasks.core.files import replacing
from tasks.core.params import Section
from tasks.core.params.sections import Compute, FineTune
from tasks.core.params.training import Trained
from tasks.core.progress import say
from tasks.data import columns
from tasks.data.columns import Column, Dataset, Parts, Subset
from tasks.data.images import normalisation, sums_of
from tasks.data.records import Array, SplitName
from tasks.data.splits import content_digests
from tasks.metrics.kind_evaluation import Scored

if TYPE_CHECKING:  # starts TensorFlow
    from tasks.models.learning_task import KindModel


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
            expected=f"at least cross_validate.folds: {folds} of each class, one test row for each fold",
            do="lower cross_validate.folds, or add rows",
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
            expected=f"at least cross_validate.folds: {folds}, one test group for each fold",
            do="lower cross_validate.folds, or add rows of more groups",
        )
    return groups


def _require_measured(parts: list[Parts], folds: int, group: str | None) -> None:
    if empty := [number for number, part in enumerate(parts) if not len(part["test"])]:
        raise ParamsError(
            got=f"no test rows in fold {empty[0]} of {folds}: whole groups of {group!r} could not fill it",
            do="lower cross_validate.folds, or add rows of more groups",
        )


def require_stopping(data: Dataset, parts: list[Parts]) -> None:
    """Make sure that each fold can stop its training.

    Raises:
        DataError: one has no rows for that.
    """
    if not all(len(part["validation"]) for part in parts):
        raise DataError(
            got=f"a validation split of {data.rows('validation')} rows in {data.folder}",
            expected="at least one validation row for early stopping in each fold",
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


NAME = "cross_validate"
PRELOADED = ["tasks.models.cross_validation", "tasks.models.fine_tuning"]


class FoldTask(Section):
    """What the outcome of a fold depends on beside the files; all of it can be sent to another process.

    Attributes:
        number: of the fold, from 0.
        folds, seed, group: see `divided`.
        train: how a model is trained on the fold itself; None where the base model is used.
        fine_tune: how the base model is tuned; None takes it as it is.
        compute: is set already, and decides the bytes of the result.
    """

    number: int
    folds: int
    seed: int
    group: str | None
    train: SerializeAsAny[Trained] | None
    fine_tune: FineTune | None
    compute: Compute


@dataclass(frozen=True)
class Outcome:
    """What a fold came to.

    Attributes:
        epochs: of training, in both runs.
        outputs: of the measured rows, (rows, n) of float32.
    """

    epochs: int
    outputs: Array


def measure(task: FoldTask, parts: Parts, base: Path, data: Path, model_of: Callable[[str], "KindModel"]) -> Outcome:
    """Run a fold, or read what a killed run left of it; equal tasks give equal outcomes.

    Args:
        task: see `FoldTask`.
        parts: the rows of the fold; they follow from the task and the data.
        base: folder of the base model.
        data: folder of the target.
        model_of: returns the learning task of a kind; it is called here, because that starts TensorFlow.

    Raises:
        DataError: the base model is to be taken as it is, and the target has other classes.
        ParamsError: the batch is larger than the training rows.
        StageError: the loss became NaN.
    """
    from tasks.models import architectures, fine_tuning, saving
    from tasks.models.batches import all_rows
    from tasks.models.checkpoint import Checkpoint
    from tasks.models.distributed import fit_distributed
    from tasks.models.learning_task import LearningTask
    from tasks.models.training_loop import outputs, seed

    name, inputs = f"{NAME}-{task.number}", [data / columns.DATASET, base / saving.METADATA]
    finished = Checkpoint(name, task, inputs).path
    if finished.exists():
        say(f"fold {task.number}: it was measured before")
        with np.load(finished) as file:
            return Outcome(int(file["epochs"]), file["outputs"])
    target = columns.load(data)
    fold, kind = open_fold(target, parts), model_of(target.metadata["kind"])
    checkpoints: dict[str, Checkpoint] = {run: Checkpoint(f"{name}-{run}", task, inputs) for run in fine_tuning.RUNS}
    if task.train is not None:
        metadata = saving.metadata_of(fold)
        seed(task.train.fit.seed)
        network = architectures.build(task.train, metadata)
        checkpoints = {"train": Checkpoint(f"{name}-train", task, inputs)}
        learning = LearningTask(kind, metadata)
        said = f"fold {task.number}, train"
        epochs = len(
            fit_distributed(network, fold, learning, task.train.fit, checkpoints["train"], name=said, spread=task.train)
        )
    elif task.fine_tune is None:
        network, metadata = fine_tuning.use_pretrained_unchanged(base, target)
        learning, epochs = LearningTask(kind, metadata), 0
    else:
        metadata = fine_tuning.target_metadata(base, fold)
        network = fine_tuning.clone_for_target(base, metadata, task.fine_tune)
        learning = LearningTask(kind, metadata)
        epochs = len(
            fine_tuning.tune(network, fold, learning, task.fine_tune, checkpoints, prefix=f"fold {task.number}, ")
        )
    outcome = Outcome(epochs, outputs(network, all_rows(fold, "test", learning), learning))
    with replacing(finished) as path, path.open("wb") as file:
        np.savez(file, epochs=outcome.epochs, outputs=outcome.outputs)
    for checkpoint in checkpoints.values():
        checkpoint.remove()
    return outcome


def forget() -> None:
    """Remove what killed runs left, of any parameters: the result is written."""
    for path in (STATE_FOLDER / "checkpoints").glob(f"*{NAME}-*"):
        path.unlink()


Values = Mapping[str, float | None]


def summarise(parts: list[Parts], epochs: list[int], scored: Sequence[Scored]) -> dict[str, Any]:
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
