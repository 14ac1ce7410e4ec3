"""What a model of texts is fed, their tokens, and what it learns."""

from typing import Any

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.contracts.training import Augment
from tasks.data.columns import Dataset
from tasks.data.records import Columns
from tasks.models import classifying, plain_conversion
from tasks.models.classifying import WATCHED, loss, metrics, outputs
from tasks.models.learning import refuse_augmentation
from tasks.models.saving import Facts

__all__ = ["INPUTS", "TARGET", "WATCHED", "augmented", "exported", "fed", "loss", "metrics", "outputs", "targets"]

INPUTS, TARGET = ("tokens",), "label"


def augmented(columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
    """Return the tokens of a batch as they are.

    Raises:
        ParamsError: they are to be moved or turned round, as images are.
    """
    refuse_augmentation(augment, "texts")
    return columns


def fed(inputs: tuple[tf.Tensor, ...], facts: Facts) -> tf.Tensor:
    """Return the tokens, (batch, max_tokens) of int32."""
    return inputs[0]


def targets(labels: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Return class indices as the loss takes them."""
    return classifying.targets(labels)


def exported(model: Any, facts: Facts, recipe: Recipe, data: Dataset, params: Export) -> bytes:
    """Convert a model to the file of a recipe; it takes tokens as int32 and gives probabilities."""
    softmax = tf_keras.layers.Softmax(name="probabilities")
    return plain_conversion.exported(model, softmax, recipe, data, INPUTS, params)
