"""What a kernel keeps while it is trained for int8: its zeros, its equal values, few levels.

TFMOT's own schemes for this are not safe (0.8.1, measured): the one for clusters gives up the zeros of every layer
where a single layer has none, and splits clusters of a whole kernel into others for each channel.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf

from tasks.compression.kernels import without_wrapper
from tasks.compression.weight_levels import TOP, Levels
from tasks.data.records import Array

Projection = Callable[[tf.Tensor], tf.Tensor]


def zeros_of(kernel: Array) -> Projection:
    """Return what holds a kernel's zeros at zero; they get no gradient."""
    mask = tf.constant((kernel != 0).astype(np.float32))
    return lambda weights: weights * mask


def values_of(kernel: Array) -> Projection:
    """Return what holds equal weights of a kernel equal, and zeros at zero.

    Each gets the mean of their gradients, so that training moves the value and no weight leaves it.
    """
    values, indices = np.unique(kernel, return_inverse=True)
    groups, mask = tf.constant(indices.reshape(-1).astype(np.int32)), zeros_of(kernel)

    def projection(weights: tf.Tensor) -> tf.Tensor:
        means = tf.math.unsorted_segment_mean(tf.reshape(weights, [-1]), groups, len(values))
        return mask(tf.reshape(tf.gather(means, groups), kernel.shape))

    return projection


class Projected:
    """A quantizer of TFMOT that sees a projection of its weight."""

    def __init__(self, inner: Any, projections: list[Projection]) -> None:
        self.inner, self._projections = inner, projections

    def projected(self, weight: tf.Tensor) -> tf.Tensor:
        """Return the weight after all projections, in their order."""
        for projection in self._projections:
            weight = projection(weight)
        return weight

    def bake(self, weight: Any, variables: dict[str, Any]) -> None:
        """Write the projection into the weight, and the width of its levels into TFMOT's range for it.

        The int8 values then count the levels, so that all channels and layers share a few of them.
        """
        for projection in self._projections:
            if isinstance(projection, Levels):
                width = projection.width(weight)
                for name, top in (("min_var", -TOP), ("max_var", TOP)):
                    variables[name].assign(tf.reshape(top * width, variables[name].shape))
            weight.assign(projection(weight))

    def __call__(self, inputs: tf.Tensor, training: bool, weights: dict[str, Any], **kwargs: Any) -> tf.Tensor:
        """Return the quantized weight; see `tfmot.quantization.keras.quantizers.Quantizer`."""
        return self.inner(self.projected(inputs), training, weights=weights, **kwargs)


def attach(aware: Any, projections: dict[str, list[Projection]]) -> None:
    """Let the kernels of a quantization-aware model, by layer name, be trained under projections."""
    for layer in _quantized(aware):
        if wanted := projections.get(without_wrapper(layer).name):
            layer._weight_vars = [
                (weight, Projected(quantizer, wanted), variables) for weight, quantizer, variables in layer._weight_vars
            ]


def bake(aware: Any) -> None:
    """Write the projections into the kernels and take `attach` back: the model is then saved as TFMOT's own are."""
    for layer in _quantized(aware):
        for weight, quantizer, variables in layer._weight_vars:
            if isinstance(quantizer, Projected):
                quantizer.bake(weight, variables)
        layer._weight_vars = [
            (weight, quantizer.inner if isinstance(quantizer, Projected) else quantizer, variables)
            for weight, quantizer, variables in layer._weight_vars
        ]


def _quantized(aware: Any) -> list[Any]:
    return [layer for layer in aware.layers if getattr(layer, "_weight_vars", None)]
