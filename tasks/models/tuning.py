"""The base model adapted to a target, as `fine_tune` does it once and `cross_validate` for each fold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tf_keras import Model, layers, models

from tasks.contracts.errors import DataError, ParamsError
from tasks.contracts.params import FineTune
from tasks.data.columns import Dataset
from tasks.models import saving
from tasks.models.checkpoint import Checkpoint
from tasks.models.fitting import History, fit
from tasks.models.saving import Facts
from tasks.models.seeding import seed

RUNS = ("head", "all_layers")


def as_it_is(base: Path, target: Dataset) -> tuple[Any, Facts]:
    """Return the base model and its own facts, for a target that it is not tuned to.

    Raises:
        DataError: the target has other classes than the base model, or in another order, or other tokens.
    """
    network, facts = saving.load(base)
    require_same_encoding(facts, saving.facts_of(target))
    if facts.data.get("classes") != target.facts.get("classes"):
        raise DataError(
            got=f"fine_tune: null, and a target of the classes {', '.join(target.classes)}",
            expected=f"the base model's: {', '.join(facts.classes)}",
            do="bring a target of the same classes; a base model that is trained here can be fine-tuned to others",
        )
    return network, facts


def untuned(base: Path, facts: Facts, params: FineTune) -> Any:
    """Return a copy of the base model whose last layer is new, where the target of `facts` has other classes.

    Raises:
        DataError: the target's tokens are not the base model's.
    """
    pretrained, base_facts = saving.load(base)
    require_same_encoding(base_facts, facts)
    seed(params.head.seed)
    known = facts.data.get("classes")
    return with_head(pretrained, len(known or []), keep=known == base_facts.data.get("classes"))


def tune(
    network: Any, data: Dataset, facts: Facts, params: FineTune, checkpoints: Mapping[str, Checkpoint], prefix: str = ""
) -> History:
    """Train the head alone, then all layers at a low rate; return a row per epoch.

    Args:
        network: trained in place; see `untuned`.
        data: its training and validation splits are used.
        facts: of the network.
        params: of both runs.
        checkpoints: one for each of `RUNS`.
        prefix: of the runs' names, for the progress and the history.

    Raises:
        ParamsError: `frozen` names no layer of the network.
        StageError: the loss became NaN or infinite.
    """
    set_trainable(network, network.layers[-1:])
    rows = fit(network, data, facts, params.head, checkpoints["head"], name=f"{prefix}head")
    require_names(network, params.frozen)
    kept = tuple(params.frozen)
    trained = [
        layer
        for layer in network.layers
        if not (layer.name.startswith(kept) or (params.freeze_batch_norm and is_batch_norm(layer)))
    ]
    set_trainable(network, trained)
    return rows + fit(network, data, facts, params.all_layers, checkpoints["all_layers"], name=f"{prefix}all_layers")


def require_names(network: Any, frozen: list[str]) -> None:
    """Make sure that each beginning of a name is that of a layer.

    Raises:
        ParamsError: one is not.
    """
    names = [layer.name for layer in network.layers]
    if unknown := [prefix for prefix in frozen if not any(name.startswith(prefix) for name in names)]:
        raise ParamsError(
            got=f"fine_tune.frozen: {', '.join(unknown)}",
            expected=f"the beginnings of names of layers: {', '.join(names)}",
            do="correct them",
        )


def require_same_encoding(base: Facts, target: Facts) -> None:
    """Make sure that the base model and the target have the same tokens, where there are any.

    Raises:
        DataError: they were made by different tokenizers.
    """
    if base.data.get("encoded_by") != target.data.get("encoded_by"):
        raise DataError(
            got="a target that was encoded by another tokenizer than the base model's data",
            expected="the same: a token is a row of the model's embedding",
            do="give base and target the same source and split, or both a packaged tokenizer",
        )


def with_head(pretrained: Any, num_classes: int, *, keep: bool) -> Any:
    """Return a copy of a model, with its last layer new where `keep` is false."""
    copy = models.clone_model(pretrained)
    copy.set_weights(pretrained.get_weights())
    if keep:
        return copy
    return Model(copy.input, layers.Dense(num_classes, name="logits")(copy.layers[-2].output), name=copy.name)


def reinitialised(model: Any) -> Any:
    """Return a model of the same layers with new initial weights."""
    return models.clone_model(model)


def set_trainable(model: Any, trained: list[Any]) -> None:
    """Train these layers and no others; a frozen batch normalisation uses the statistics that it has."""
    for layer in model.layers:
        layer.trainable = any(layer is one for one in trained)


def is_batch_norm(layer: Any) -> bool:
    """Tell a batch normalisation layer by its type."""
    return isinstance(layer, layers.BatchNormalization)
