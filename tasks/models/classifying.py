"""What a classifier learns, whatever it is fed: logits out, one class per row."""

from typing import ClassVar, Protocol

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.models.learning_task import KindModel, Loss, Metric, Tensor
from tasks.models.saving import Facts


class Classifier(KindModel, Protocol):
    """What classifiers share; see `KindModel`."""

    target: ClassVar[str] = "label"
    watched: ClassVar[str] = "accuracy"

    def preprocess_targets(self, targets: Tensor, facts: Facts) -> Tensor:
        """Return class indices (batch,) as the loss takes them."""
        return tf.cast(targets, tf.int32)

    def loss(self) -> Loss:
        """Return the cross-entropy of logits (batch, classes)."""
        loss: Loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return loss

    def metrics(self) -> list[Metric]:
        """Return the accuracy."""
        return [tf_keras.metrics.SparseCategoricalAccuracy(name=self.watched)]

    def outputs(self, answers: Tensor, facts: Facts) -> Tensor:
        """Return probabilities (batch, classes), as the exported file gives them."""
        return tf.nn.softmax(answers)
