"""Adapts the base model to the target, and measures what that gains over training on the target alone."""

import shutil
from pathlib import Path
from typing import Any

from tasks.contracts import stage
from tasks.contracts.errors import DataError
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
    from tasks.models import saving
    from tasks.models.checkpoint import Checkpoint
    from tasks.models.fitting import fit
    from tasks.models.seeding import seed

    target = columns.load(data)
    pretrained, base_facts = saving.load(base)
    facts = saving.facts_of(target)
    inputs = [data / columns.DATASET, base / saving.FACTS]
    checkpoints = {
        run: Checkpoint(f"fine_tune-{run}", params, inputs) for run in ("head", "all_layers", "from_scratch")
    }

    seed(params.head.seed)
    tuned = with_head(pretrained, len(facts.classes), keep=facts.classes == base_facts.classes)
    scratch = reinitialised(tuned)
    set_trainable(tuned, tuned.layers[-1:])
    rows = fit(tuned, target, facts, params.head, checkpoints["head"], name="head")
    set_trainable(tuned, [layer for layer in tuned.layers if not (params.freeze_batch_norm and is_batch_norm(layer))])
    rows += fit(tuned, target, facts, params.all_layers, checkpoints["all_layers"], name="all_layers")
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
    from tasks.models import saving

    target = columns.load(data)
    network, facts = saving.load(base)
    if facts.classes != target.classes:
        raise DataError(
            got=f"fine_tune: null, and a target of the classes {', '.join(target.classes)}",
            expected=f"the base model's: {', '.join(facts.classes)}",
            do="bring a target of the same classes; a base model that is trained here can be fine-tuned to others",
        )
    taken = measured(network, target, facts)
    with replacing(model) as folder, replacing(history) as history_file, replacing(comparison) as comparison_file:
        shutil.copytree(base, folder)
        write_history(history_file, [])
        write_json(comparison_file, {"tuned": False, "as_it_is": taken})
    say(f"[100%] fine_tune: nothing is tuned; {taken['accuracy']:.4f} as it is")


def with_head(pretrained: Any, num_classes: int, *, keep: bool) -> Any:
    """Return a copy of a model, with its last layer new where `keep` is false."""
    from tf_keras import Model, layers, models

    copy = models.clone_model(pretrained)
    copy.set_weights(pretrained.get_weights())
    if keep:
        return copy
    return Model(copy.input, layers.Dense(num_classes, name="logits")(copy.layers[-2].output), name=copy.name)


def reinitialised(model: Any) -> Any:
    """Return a model of the same layers with new initial weights."""
    from tf_keras import models

    return models.clone_model(model)


def set_trainable(model: Any, layers: list[Any]) -> None:
    """Train these layers and no others; a frozen batch normalisation uses the statistics that it has."""
    for layer in model.layers:
        layer.trainable = any(layer is chosen for chosen in layers)


def is_batch_norm(layer: Any) -> bool:
    """Tell a batch normalisation layer by its type."""
    from tf_keras import layers

    return isinstance(layer, layers.BatchNormalization)


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
