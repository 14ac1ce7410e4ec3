"""What a model of a number learns: the target in standard deviations from its mean, which the exported file undoes."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.models.learning_task import Loss, Metric, TableModel, Tensor
from tasks.models.saving import ModelMetadata


class Regressor(TableModel):
    """Tables with a number as target."""

    target = "value"
    watched = "rmse"

    def preprocess_targets(self, targets: Tensor, metadata: ModelMetadata) -> Tensor:
        """Return targets (batch,) in their own unit as the loss takes them, (batch, 1)."""
        mean, std = scale_of(metadata)
        return tf.expand_dims((targets - mean) / std, axis=-1)

    def loss(self) -> Loss:
        """Return the mean squared error of (batch, 1)."""
        loss: Loss = tf_keras.losses.MeanSquaredError()
        return loss

    def metrics(self) -> list[Metric]:
        """Return the RMSE, in standard deviations of the target."""
        return [tf_keras.metrics.RootMeanSquaredError(name=self.watched)]

    def outputs(self, answers: Tensor, metadata: ModelMetadata) -> Tensor:
        """Return predictions (batch, 1) in the target's own unit, as the exported file gives them."""
        mean, std = scale_of(metadata)
        return answers * std + mean


def scale_of(metadata: ModelMetadata) -> tuple[float, float]:
    """Return mean and standard deviation of the training rows' targets."""
    scale = metadata.data["target_scale"]
    return scale["mean"], scale["std"]


MODEL = Regressor()
