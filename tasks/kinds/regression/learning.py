"""What a model of a number learns: the target in standard deviations from its mean, which the exported file undoes."""

from typing import Any

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.data.columns import Dataset
from tasks.models import tabular
from tasks.models.saving import Facts
from tasks.models.tabular import INPUTS, augmented, fed

__all__ = ["INPUTS", "TARGET", "WATCHED", "augmented", "exported", "fed", "loss", "metrics", "outputs", "targets"]

TARGET, WATCHED = "value", "rmse"


def targets(values: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Return targets (batch,) in their own unit as the loss takes them, (batch, 1)."""
    mean, std = _scale(facts)
    return tf.expand_dims((values - mean) / std, axis=-1)


def loss() -> Any:
    """Return the mean squared error of (batch, 1)."""
    return tf_keras.losses.MeanSquaredError()


def metrics() -> list[Any]:
    """Return what is told of an epoch, in standard deviations of the target."""
    return [tf_keras.metrics.RootMeanSquaredError(name=WATCHED)]


def outputs(values: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Return predictions (batch, 1) in the target's own unit, as the exported file gives them."""
    mean, std = _scale(facts)
    return values * std + mean


def exported(model: Any, facts: Facts, recipe: Recipe, data: Dataset, params: Export) -> bytes:
    """Convert a model to the file of a recipe; see `tasks.models.tabular.exported`."""
    mean, std = _scale(facts)
    return tabular.exported(
        model, tf_keras.layers.Rescaling(std, mean, name="in_its_unit"), facts, recipe, data, params
    )


def _scale(facts: Facts) -> tuple[float, float]:
    scale = facts.data["target_scale"]
    return scale["mean"], scale["std"]
