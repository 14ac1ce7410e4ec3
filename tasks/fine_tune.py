"""Adapts the base model to the target, and measures what that gains over training on the target alone."""

import shutil
from pathlib import Path
from typing import Any

from tasks.contracts import stage
from tasks.contracts.files import replacing, write_json
from tasks.contracts.params import Compute, FineTune
from tasks.contracts.progress import say
from tasks.data import columns
from tasks.reporting.history import write_history


def fine_tune(
    params: FineTune | None, compute: Compute, *, base: Path, data: Path, model: Path, history: Path, comparison: Path
) -> None:
    """Train the head alone, then all layers at a low rate; then the same network from scratch for as many steps.

    Both keep the weights of their least validation loss; `comparison` holds their accuracy on the same test rows.
    Where `params` is None the base model is taken as it is, and `comparison` holds its accuracy alone.

    Raises:
        DataError: the base model is to be taken as it is, and the target has other classes.
        StageError: the loss became NaN.
    """
    if params is None:
        take_as_it_is(base, data, model, history, comparison)
        return
    from tasks.models import saving, tuning
    from tasks.models.checkpoint import Checkpoint
    from tasks.models.fitting import fit

    target = columns.load(data)
    facts = saving.facts_of(target)
    inputs = [data / columns.DATASET, base / saving.FACTS]
    checkpoints = {run: Checkpoint(f"fine_tune-{run}", params, inputs) for run in (*tuning.RUNS, "from_scratch")}

    tuned = tuning.untuned(base, facts, params)
    scratch = tuning.reinitialised(tuned)
    rows = tuning.tune(tuned, target, facts, params, checkpoints)
    equal_steps = params.all_layers.model_copy(
        update={"epochs": len(rows), "patience": len(rows), "learning_rate": params.from_scratch_learning_rate}
    )
    rows += fit(scratch, target, facts, equal_steps, checkpoints["from_scratch"], name="from_scratch")

    compared = compare(tuned, scratch, target, facts)
    with replacing(model) as folder, replacing(history) as history_file, replacing(comparison) as comparison_file:
        saving.save(tuned, facts, folder)
        write_history(history_file, rows)
        write_json(comparison_file, compared)
    for checkpoint in checkpoints.values():
        checkpoint.remove()
    say(f"fine_tune: {compared['fine_tuned']['accuracy']:.4f}, from scratch {compared['from_scratch']['accuracy']:.4f}")


def take_as_it_is(base: Path, data: Path, model: Path, history: Path, comparison: Path) -> None:
    """Put the base model in the place of a tuned one, with its own normalisation, and measure it on the test rows.

    Raises:
        DataError: the target has other classes than the base model, or in another order.
    """
    from tasks.models.tuning import as_it_is

    target = columns.load(data)
    network, facts = as_it_is(base, target)
    taken = measured(network, target, facts)
    with replacing(model) as folder, replacing(history) as history_file, replacing(comparison) as comparison_file:
        shutil.copytree(base, folder)
        write_history(history_file, [])
        write_json(comparison_file, {"tuned": False, "as_it_is": taken})
    say(f"[100%] fine_tune: nothing is tuned; {taken['accuracy']:.4f} as it is")


def compare(tuned: Any, scratch: Any, target: columns.Dataset, facts: Any) -> dict[str, Any]:
    """Measure both on the test split of the target."""
    compared: dict[str, Any] = {
        "fine_tuned": measured(tuned, target, facts),
        "from_scratch": measured(scratch, target, facts),
    }
    gain = compared["fine_tuned"]["accuracy"] - compared["from_scratch"]["accuracy"]
    return {**compared, "gain_of_transfer": gain}


def measured(network: Any, target: columns.Dataset, facts: Any) -> dict[str, Any]:
    """Measure a network on the test split of the target."""
    from tasks.models.batches import whole
    from tasks.models.fitting import accuracy

    correct, rows = accuracy(network, whole(target, "test", facts))
    return {"accuracy": correct / rows, "correct": correct, "rows": rows}


if __name__ == "__main__":
    stage.run(fine_tune)
