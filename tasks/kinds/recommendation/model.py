"""What a recommender learns: the next item of a history with its rating."""

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.core.params.training import Augment
from tasks.data.records import Columns
from tasks.models.learning_task import Inputs, KindModel, Loss, Metric, Tensor, refuse_augmentation
from tasks.models.saving import ModelMetadata

WATCHED = "among_ten"
TEN = 10
SMOOTHING = 0.1  # of the next item's probability goes to all items (Szegedy and others 2016)


def _surprise(truth: Tensor, answers: Tensor) -> Tensor:
    logits = answers[:, :-1]
    own = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(truth[:, 0], tf.int32), logits)
    of_all = tf.reduce_logsumexp(logits, axis=1) - tf.reduce_mean(logits, axis=1)
    return (1 - SMOOTHING) * own + SMOOTHING * of_all


def _among_ten(truth: Tensor, answers: Tensor) -> Tensor:
    found = tf.math.in_top_k(tf.cast(truth[:, 0], tf.int32) - 1, answers[:, 1:-1], TEN)  # -1, unknown: never among them
    return tf.cast(found, tf.float32)


class RecommendationModel(KindModel):
    """Histories with the next item of each, and its rating."""

    inputs = ("history", "history_ratings", "item")
    target = "truth"
    watched = WATCHED

    def augment(self, columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
        """Return a batch as it is; items are left out in the network.

        Raises:
            ParamsError: they are to be moved or turned round, as images are.
        """
        refuse_augmentation(augment, "histories", "; train.item_dropout leaves items out")
        return columns

    def preprocess_inputs(self, inputs: tuple[Tensor, ...], metadata: ModelMetadata) -> Inputs:
        """Return the inputs as they are."""
        return inputs

    def preprocess_targets(self, targets: Tensor, metadata: ModelMetadata) -> Tensor:
        """Return index of the item and rating, (batch, 2)."""
        return targets[:, :2]

    def loss(self) -> Loss:
        """Return the cross-entropy of the next item, an unknown one being one of them, and the rating's squared error.

        Both count alike. The two halves of `two_towers` have no weights in common, and Adam's steps do not depend on
        the size of a loss, so that a factor between them would only move the best epoch.
        """
        return lambda truth, answers: _surprise(truth, answers) + tf.square(truth[:, 1] - answers[:, -1])

    def metrics(self) -> list[Metric]:
        """Return the metrics of an epoch; unlike the file, they leave rated items among the ten."""
        return [
            tf_keras.metrics.MeanMetricWrapper(_among_ten, name=WATCHED),
            tf_keras.metrics.MeanMetricWrapper(lambda truth, answers: tf.abs(truth[:, 1] - answers[:, -1]), name="mae"),
        ]

    def outputs(self, answers: Tensor, metadata: ModelMetadata) -> Tensor:
        """Return scores of the known items and the rating, (batch, items + 1), without what the history hides."""
        return answers[:, 1:]


MODEL = RecommendationModel()
