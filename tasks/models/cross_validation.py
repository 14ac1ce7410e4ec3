"""Cross-validation of the fine-tuning: each fold is tuned in a fresh process, the folds are summarised."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import SerializeAsAny

from tasks.core.environment import STATE_FOLDER
from tasks.core.files import replacing
from tasks.core.params.section import Section
from tasks.core.params.sections import Compute, FineTune
from tasks.core.params.training import Trained
from tasks.core.progress import say
from tasks.data import columns
from tasks.data.columns import Parts
from tasks.data.folds import open_fold
from tasks.data.records import Array
from tasks.metrics.kind_evaluation import Scored

if TYPE_CHECKING:  # starts TensorFlow
    from tasks.models.learning_task import KindModel

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
    from tasks.models.determinism import seed
    from tasks.models.distributed import fit_distributed
    from tasks.models.learning_task import LearningTask
    from tasks.models.training_loop import outputs

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
