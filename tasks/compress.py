"""Trains one recipe's techniques into the tuned model: `dvc repro compress@pruned_qat_int8`."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.contracts import stage
from tasks.contracts.files import replacing
from tasks.contracts.params import Compute, Prune, QuantizeAware, Recipe
from tasks.contracts.progress import say
from tasks.data import columns
from tasks.reporting.history import write_history


def compress(params: Recipe, compute: Compute, *, tuned: Path, data: Path, model: Path) -> None:
    """Apply the recipe's steps in their order; a recipe without steps takes the tuned model as it is.

    Raises:
        StageError: a step did not reach the sparsity asked for, or its loss became NaN.
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


def _train(params: Recipe, tuned: Path, data: Path, recipe: str, folder: Path) -> list[Any]:
    from tasks.compression.prune import prune
    from tasks.compression.quantize_aware import quantize_aware
    from tasks.models import saving
    from tasks.models.checkpoint import Checkpoint
    from tasks.models.seeding import seed

    target = columns.load(data)
    network, facts = saving.load(tuned)
    history, checkpoints = [], []
    sparsity: float | None
    for step in params.steps:
        seed(step.fit.seed)
        name = f"{recipe}-{step.step}"
        checkpoints.append(Checkpoint(name, params, [data / columns.DATASET, tuned / saving.FACTS]))
        match step:
            case Prune():
                network, sparsity, rows = prune(network, step, target, facts, checkpoints[-1], name)
            case QuantizeAware():
                network, sparsity, rows = quantize_aware(network, step, target, facts, checkpoints[-1], name)
        facts = replace(facts, steps=[*facts.steps, step.step], sparsity=sparsity)
        history += rows
    saving.save(network, facts, folder)
    write_history(folder / "history.csv", history)
    return checkpoints


if __name__ == "__main__":
    stage.run(compress)
