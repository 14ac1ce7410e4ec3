"""Knowledge distillation (Hinton et al. 2015, arXiv:1503.02531): a model in training listens to its float parent."""

from dataclasses import dataclass
from typing import Any

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.core.params.recipes import Distillation


@dataclass(frozen=True)
class Teacher:
    """The float parent, and how much it counts.

    Attributes:
        model: normalised images (batch, h, w, c) in, logits (batch, classes) out.
        params: of the distillation.
    """

    model: Any
    params: Distillation

    def add_logits(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Put the teacher's logits beside the labels: targets are (batch, 1 + classes) of float32."""
        logits = self.model(images, training=False)
        return images, tf.concat([tf.cast(labels, tf.float32)[:, tf.newaxis], logits], axis=1)

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the mean of cross-entropy with the labels and with the softened answers of the teacher."""
        weight, temperature = self.params.weight, self.params.temperature
        hard = tf_keras.losses.sparse_categorical_crossentropy(targets[:, 0], logits, from_logits=True)
        soft = tf_keras.losses.kl_divergence(
            tf.nn.softmax(targets[:, 1:] / temperature), tf.nn.softmax(logits / temperature)
        )
        return (1 - weight) * hard + weight * temperature**2 * soft


def accuracy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return which rows are right, (batch,), where the targets hold a teacher's logits too."""
    return tf_keras.metrics.sparse_categorical_accuracy(targets[:, 0], logits)
