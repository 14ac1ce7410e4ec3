"""The training steps of a recipe, applied to a model."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tasks.compression.steps import Training
from tasks.compression.steps.sparsity import sparsity_of
from tasks.core.params.recipes import Cluster, Prune, QuantizeAware, Recipe, ReEstimateBatchNorm, Tune
from tasks.data.columns import Dataset
from tasks.models.checkpoint import Checkpoint
from tasks.models.learning_task import LearningTask
from tasks.models.saving import ModelMetadata
from tasks.models.training_loop import History, seed


def train(
    model: Any,
    task: LearningTask,
    recipe: Recipe,
    data: Dataset,
    name: str,
    checkpoint: Callable[[str], Checkpoint | None],
) -> tuple[Any, ModelMetadata, History]:
    """Apply the training steps in their order to copies; `model` stays as it is.

    Returns:
        The new model, its metadata, and a row of history per epoch.

    Raises:
        StageError: a step did not reach its target, or its loss became NaN.
    """
    from tasks.compression.steps import tune
    from tasks.compression.steps.cluster import cluster
    from tasks.compression.steps.prune import prune
    from tasks.compression.steps.quantize_aware import quantize_aware
    from tasks.compression.steps.re_estimate_batch_norm import re_estimate_batch_norm

    functions: dict[type, Callable[[Any, Any, Training], tuple[Any, History]]] = {
        Tune: tune, Prune: prune, ReEstimateBatchNorm: re_estimate_batch_norm, Cluster: cluster,
        QuantizeAware: quantize_aware,
    }  # fmt: skip
    network, metadata, history = model, task.metadata, []
    for step in recipe.steps:
        seed(step.seed if isinstance(step, ReEstimateBatchNorm) else step.fit.seed)
        training = Training(data, task.of(metadata), model, name, checkpoint)
        network, rows = functions[type(step)](network, step, training)
        history += rows
        metadata = replace(metadata, steps=[*metadata.steps, step.step])
    if "prune" in recipe.names():
        metadata = replace(metadata, sparsity=sparsity_of(network))
    return network, metadata, history
