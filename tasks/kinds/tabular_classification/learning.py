"""What a model of tables with classes learns."""

from typing import Any

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.data.columns import Dataset
from tasks.models import classifying, tabular
from tasks.models.classifying import WATCHED, loss, metrics, outputs
from tasks.models.saving import Facts
from tasks.models.tabular import INPUTS, augmented, fed

__all__ = ["INPUTS", "TARGET", "WATCHED", "augmented", "exported", "fed", "loss", "metrics", "outputs", "targets"]

TARGET = "label"


def targets(labels: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Return class indices as the loss takes them."""
    return classifying.targets(labels)


def exported(model: Any, facts: Facts, recipe: Recipe, data: Dataset, params: Export) -> bytes:
    """Convert a model to the file of a recipe; see `tasks.models.tabular.exported`."""
    return tabular.exported(model, tf_keras.layers.Softmax(name="probabilities"), facts, recipe, data, params)
