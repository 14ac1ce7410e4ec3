"""Trains one recipe's techniques into the tuned model: `dvc repro compress@pruned_qat_int8`."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.files import replacing
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Compute
from tasks.core.progress import say
from tasks.data import columns
from tasks.kinds import model_of
from tasks.models.checkpoint import write_history

if TYPE_CHECKING:
    from tasks.models.checkpoint import Checkpoint


def compress(params: Recipe, compute: Compute, *, tuned: Path, data: Path, model: Path) -> None:
    """Apply the recipe's steps in their order; a recipe without steps takes the tuned model as it is.

    Raises:
        ParamsError: a step names a layer that the model lacks, or has nothing to work on.
        StageError: a step did not reach its target, or its loss became NaN.
    """
    with replacing(model) as folder:
        if params.steps:
            checkpoints = _train(params, tuned, data, model.name, folder)
        else:
            shutil.copytree(tuned, folder)
            checkpoints = []
            write_history(folder / "history.csv", [])
            say(f"[100%] compress: {model.name} has no steps, the tuned model is taken as it is")
    for checkpoint in checkpoints:
        checkpoint.remove()


def _train(params: Recipe, tuned: Path, data: Path, recipe: str, folder: Path) -> "list[Checkpoint]":
    from tasks.compression.recipe import train
    from tasks.models import saving
    from tasks.models.checkpoint import Checkpoint
    from tasks.models.learning_task import LearningTask

    checkpoints: list[Checkpoint] = []

    def checkpoint(name: str) -> Checkpoint:
        checkpoints.append(Checkpoint(name, params, [data / columns.DATASET, tuned / saving.METADATA]))
        return checkpoints[-1]

    network, metadata = saving.load(tuned)
    network, metadata, history = train(
        network, LearningTask(model_of(metadata.kind), metadata), params, columns.load(data), recipe, checkpoint
    )
    saving.save(network, metadata, folder)
    write_history(folder / "history.csv", history)
    return checkpoints
