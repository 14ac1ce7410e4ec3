"""What an image classifier is fed.

It lies here and not in its kind: models of users and the search for a recipe, which lie below the kinds, train images.
"""

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf

from tasks.contracts.training import Augment
from tasks.data.records import Array, Columns
from tasks.models.classifying import Classifier
from tasks.models.learning_task import Inputs, Tensor
from tasks.models.saving import Facts

HALF = 0.5


class ImageModel(Classifier):
    """Images with one class each."""

    inputs = ("image",)

    def augment(self, columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
        """Move each image of a batch, whose edge fills the gap, and mirror every second one or so."""
        images = columns["image"]
        if augment is not None and augment.max_shift:
            images = shifted(images, augment.max_shift, random)
        if augment is not None and augment.flip:
            images = np.where(random.random((len(images), 1, 1, 1)) < HALF, images[:, :, ::-1], images)
        return {"image": images}

    def preprocess_inputs(self, inputs: tuple[Tensor, ...], facts: Facts) -> Inputs:
        """Return raw images as the normalised float32 that the model is trained on."""
        return (tf.cast(inputs[0], tf.float32) - facts.mean) / facts.std


def shifted(images: Array, max_shift: int, random: np.random.Generator) -> Array:
    """Move each image by up to `max_shift` pixels in both directions; its edge fills the gap."""
    height, width = images.shape[1:3]
    margin = (max_shift, max_shift)
    padded = np.pad(images, ((0, 0), margin, margin, (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    down, right = random.integers(0, 2 * max_shift + 1, (2, len(images)))
    return np.ascontiguousarray(np.moveaxis(windows[np.arange(len(images)), down, right], 1, -1))


IMAGES = ImageModel()
