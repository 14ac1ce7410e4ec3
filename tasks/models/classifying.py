"""What training a classifier is, whatever it is fed: logits out, one class per row."""

from typing import Any

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.models.saving import Facts

WATCHED = "accuracy"


def targets(labels: tf.Tensor) -> tf.Tensor:
    """Return class indices (batch,) as the loss takes them."""
    return tf.cast(labels, tf.int32)


def loss() -> Any:
    """Return the cross-entropy of logits (batch, classes)."""
    return tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def metrics() -> list[Any]:
    """Return what is told of an epoch."""
    return [tf_keras.metrics.SparseCategoricalAccuracy(name=WATCHED)]


def outputs(logits: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Return probabilities (batch, classes), as the exported file gives them."""
    return tf.nn.softmax(logits)
