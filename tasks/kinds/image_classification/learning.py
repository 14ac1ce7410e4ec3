"""What a model of images is fed and what it learns."""

from typing import Any

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf

from tasks.compression import exporting
from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.contracts.training import Augment
from tasks.data.columns import Dataset
from tasks.data.records import Array, Columns
from tasks.models import classifying
from tasks.models.classifying import WATCHED, loss, metrics, outputs
from tasks.models.saving import Facts

__all__ = ["INPUTS", "TARGET", "WATCHED", "augmented", "exported", "fed", "loss", "metrics", "outputs", "targets"]

INPUTS, TARGET = ("image",), "label"
HALF = 0.5


def augmented(columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
    """Move each image of a batch, whose edge fills the gap, and mirror every second one or so."""
    images = columns["image"]
    if augment is not None and augment.max_shift:
        images = shifted(images, augment.max_shift, random)
    if augment is not None and augment.flip:
        images = np.where(random.random((len(images), 1, 1, 1)) < HALF, images[:, :, ::-1], images)
    return {"image": images}


def fed(inputs: tuple[tf.Tensor, ...], facts: Facts) -> tf.Tensor:
    """Return raw images as the normalised float32 that the model is trained on."""
    return (tf.cast(inputs[0], tf.float32) - facts.mean) / facts.std


def targets(labels: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Return class indices as the loss takes them."""
    return classifying.targets(labels)


def exported(model: Any, facts: Facts, recipe: Recipe, data: Dataset, params: Export) -> bytes:
    """Convert a model to the file of a recipe; see `tasks.compression.exporting.exported`."""
    return exporting.exported(model, facts, recipe, data, params)


def shifted(images: Array, max_shift: int, random: np.random.Generator) -> Array:
    """Move each image by up to `max_shift` pixels in both directions; its edge fills the gap."""
    height, width = images.shape[1:3]
    margin = (max_shift, max_shift)
    padded = np.pad(images, ((0, 0), margin, margin, (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    down, right = random.integers(0, 2 * max_shift + 1, (2, len(images)))
    return np.ascontiguousarray(np.moveaxis(windows[np.arange(len(images)), down, right], 1, -1))
