"""Layer-wise learning rate decay: the nearer a layer is to the head, the higher its learning rate."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from typing import Any

import tensorflow as tf
import tf_keras


class LayerwiseAdam(tf_keras.optimizers.Adam):  # type: ignore[misc]
    """Adam whose steps are taken by a factor of their own for each variable."""

    def __init__(self, learning_rate: Any, factors: dict[str, float]) -> None:
        super().__init__(learning_rate, jit_compile=False)
        self._factors = factors

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        """Keras calls this for each variable; Adam's step is proportional to its learning rate, and so to a factor."""
        before = tf.identity(variable)
        super().update_step(gradient, variable)
        variable.assign(before + self._factors[self._var_key(variable)] * (variable - before))


def layerwise_factors(model: Any, bottom: float) -> dict[str, float]:
    """Return the factor of each variable of a model: 1 for the last layer, `bottom` for the first, geometric between.

    Layers with kernels are counted; a normalisation goes with the one before it.
    """
    depths, depth = {}, -1
    for layer in model.layers:
        depth += has_kernel(layer)
        depths.update({variable._unique_id: max(depth, 0) for variable in layer.trainable_weights})
    return {name: float(bottom ** (1 - place / depth if depth else 0)) for name, place in depths.items()}


def has_kernel(layer: Any) -> bool:
    """Tell a layer that transforms its input from a normalisation and from one without weights."""
    return bool(layer.weights) and not isinstance(layer, NORMALISATIONS)


NORMALISATIONS = (tf_keras.layers.BatchNormalization, tf_keras.layers.LayerNormalization)
