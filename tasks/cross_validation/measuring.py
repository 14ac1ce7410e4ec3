"""One fold: the base model tuned to its training rows and asked for its measured rows, in a process of its own."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import SerializeAsAny

from tasks.contracts.environment import STATE_FOLDER
from tasks.contracts.files import replacing
from tasks.contracts.params import Compute, FineTune
from tasks.contracts.progress import say
from tasks.contracts.section import Section
from tasks.contracts.training import Trained
from tasks.cross_validation.folds import opened
from tasks.data import columns
from tasks.data.parted import Parts
from tasks.data.records import Array

NAME = "cross_validate"
PRELOADED = ["tasks.cross_validation.measuring", "tasks.models.tuning"]


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


def measure(task: FoldTask, parts: Parts, base: Path, data: Path) -> Outcome:
    """Run a fold, or read what a killed run left of it; equal tasks give equal outcomes.

    Args:
        task: see `FoldTask`.
        parts: the rows of the fold; they follow from the task and the data.
        base: folder of the base model.
        data: folder of the target.

    Raises:
        DataError: the base model is to be taken as it is, and the target has other classes.
        ParamsError: the batch is larger than the training rows.
        StageError: the loss became NaN.
    """
    from tasks.kinds import model_of
    from tasks.models import architectures, saving, tuning
    from tasks.models.batches import whole
    from tasks.models.checkpoint import Checkpoint
    from tasks.models.fitting import outputs
    from tasks.models.gang import fit_spread
    from tasks.models.learning_task import LearningTask
    from tasks.models.seeding import seed

    name, inputs = f"{NAME}-{task.number}", [data / columns.DATASET, base / saving.FACTS]
    finished = Checkpoint(name, task, inputs).path
    if finished.exists():
        say(f"fold {task.number}: it was measured before")
        with np.load(finished) as file:
            return Outcome(int(file["epochs"]), file["outputs"])
    target = columns.load(data)
    fold, kind = opened(target, parts), model_of(target.facts["kind"])
    checkpoints: dict[str, Checkpoint] = {run: Checkpoint(f"{name}-{run}", task, inputs) for run in tuning.RUNS}
    if task.train is not None:
        facts = saving.facts_of(fold)
        seed(task.train.fit.seed)
        network = architectures.build(task.train, facts)
        checkpoints = {"train": Checkpoint(f"{name}-train", task, inputs)}
        learning = LearningTask(kind, facts)
        said = f"fold {task.number}, train"
        epochs = len(
            fit_spread(network, fold, learning, task.train.fit, checkpoints["train"], name=said, spread=task.train)
        )
    elif task.fine_tune is None:
        network, facts = tuning.as_it_is(base, target)
        learning, epochs = LearningTask(kind, facts), 0
    else:
        facts = tuning.adapted(base, fold)
        network = tuning.untuned(base, facts, task.fine_tune)
        learning = LearningTask(kind, facts)
        epochs = len(tuning.tune(network, fold, learning, task.fine_tune, checkpoints, prefix=f"fold {task.number}, "))
    outcome = Outcome(epochs, outputs(network, whole(fold, "test", learning), learning))
    with replacing(finished) as path, path.open("wb") as file:
        np.savez(file, epochs=outcome.epochs, outputs=outcome.outputs)
    for checkpoint in checkpoints.values():
        checkpoint.remove()
    return outcome


def forget() -> None:
    """Remove what killed runs left, of any parameters: the result is written."""
    for path in (STATE_FOLDER / "checkpoints").glob(f"*{NAME}-*"):
        path.unlink()
