"""Sparsity of kernels: how many weights are zero or equal, how quantization-aware training keeps them so.

A uniform grid as wide as one to two times the weights' root mean square leaves a normal distribution 2.1 to 1.2 bits of
entropy per weight, at less error than as many bits of equally likely levels have (entropy-constrained quantization,
Gish and Pierce 1968). Training moves the weights to where the grid does not hurt.

TFMOT's own schemes for this are not safe (0.8.1, measured): the one for clusters gives up the zeros of every layer
where a single layer has none, and splits clusters of a whole kernel into others for each channel.
"""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tasks.core.errors import StageError
from tasks.data.records import Array
from tasks.models.layers import kernels_of, without_wrapper

TOLERANCE = 0.01
Block = tuple[int, int]


def sparsity_of(model: Any) -> float:
    """Return the fraction of zeros in all kernels, wrapped for quantization or not."""
    kernels = kernels_of(model).values()
    return float(sum((kernel == 0).sum() for kernel in kernels) / sum(np.size(kernel) for kernel in kernels))


def sparsities_of(model: Any) -> dict[str, float]:
    """Return the fraction of zeros of each kernel, by the names of their layers."""
    return {name: float((kernel == 0).mean()) for name, kernel in kernels_of(model).items()}


def clusters_of(model: Any, *, per_channel: bool = False) -> dict[str, int]:
    """Return how many different values each kernel has, zero among them.

    With `per_channel` that of a convolution is the greatest number in one output channel.
    """
    return {
        name: max(len(np.unique(kernel[..., channel])) for channel in range(kernel.shape[-1]))
        if per_channel and kernel.ndim == 4
        else len(np.unique(kernel))
        for name, kernel in kernels_of(model).items()
    }


def zero_blocks(kernel: Array, block: Block) -> Array:
    """Return which blocks of a matrix are all zero, (rows of blocks, columns of blocks); the last may be smaller."""
    margins = [(0, -extent % size) for extent, size in zip(kernel.shape, block, strict=True)]
    padded = np.pad(kernel != 0, margins)
    blocks = padded.reshape(padded.shape[0] // block[0], block[0], padded.shape[1] // block[1], block[1])
    return np.asarray(~blocks.any(axis=(1, 3)))


def crowded_fours(kernel: Array) -> int:
    """Return how many groups of four consecutive inputs of one output have more than two weights."""
    by_input = np.moveaxis(kernel, -2, -1).reshape(-1, kernel.shape[-2]) != 0
    groups = np.pad(by_input, [(0, 0), (0, -by_input.shape[1] % 4)]).reshape(-1, 4)
    return int((groups.sum(axis=1) > 2).sum())


def require_sparsity(model: Any, expected: dict[str, float], where: str, block: Block = (1, 1)) -> None:
    """Refuse a model in which any layer is below its target sparsity.

    Args:
        model: whose layers are looked at.
        expected: fraction of zeros, by layer name.
        where: the step, for the message.
        block: of dense kernels, (inputs, outputs): the fraction is then of blocks.

    Raises:
        StageError: a layer has a hundredth, or more than one block, less zeros than expected.
    """
    kernels, short = kernels_of(model), []
    for name, fraction in expected.items():
        kernel = kernels[name]
        zeros = kernel == 0 if kernel.ndim != 2 else zero_blocks(kernel, block)
        if zeros.mean() < fraction - max(TOLERANCE, 1 / zeros.size):
            short.append(f"{name} {zeros.mean():.1%} of {fraction:.1%}")
    if short:
        raise StageError(
            got=f"{where}: weights that are zero: {', '.join(short)}",
            expected="the target sparsity in every layer",
            do="give the step more epochs, so that its sparsity schedule ends",
        )


def require_two_of_four(model: Any, names: list[str], where: str) -> None:
    """Refuse a model in which a group of four weights of a named layer has more than two that are not zero.

    Raises:
        StageError: there is such a group.
    """
    kernels = kernels_of(model)
    if crowded := {name: count for name in names if (count := crowded_fours(kernels[name]))}:
        raise StageError(
            got=f"{where}: groups of four with more than two weights: {crowded}",
            expected="at most two of each four consecutive inputs",
            do="this is a fault of Trimline: report it with the recipe",
        )


def require_clusters(model: Any, expected: dict[str, int], where: str, *, per_channel: bool = False) -> None:
    """Refuse a model in which a kernel has more different values than expected; see `clusters_of`.

    Raises:
        StageError: one has more.
    """
    got = clusters_of(model, per_channel=per_channel)
    if more := {name: got[name] for name, clusters in expected.items() if got[name] > clusters}:
        raise StageError(
            got=f"{where}: different values of a kernel: {more}",
            expected=f"at most { ({name: expected[name] for name in more}) }",
            do="this is a fault of Trimline: report it with the recipe",
        )


TOP = 127.0


@dataclass(frozen=True)
class Levels:
    """A grid of each output channel (the last axis), or of the whole kernel.

    Attributes:
        step: its width in root mean squares of the weights that are not zero, so that a pruned kernel keeps its range.
        per_channel: whether each channel has its own.
    """

    step: float
    per_channel: bool

    def __call__(self, kernel: tf.Tensor) -> tf.Tensor:
        """Round a kernel to the grid, 127 levels to either side at most; gradients pass straight through."""
        width = self.width(kernel)
        return _straight_through(kernel, width * tf.clip_by_value(tf.round(kernel / width), -TOP, TOP))

    def width(self, kernel: tf.Tensor) -> tf.Tensor:
        """Return what a level is worth, of a shape that `kernel` can be divided by."""
        axes = list(range(len(kernel.shape) - 1)) if self.per_channel else None
        count = tf.reduce_sum(tf.cast(kernel != 0, kernel.dtype), axes, keepdims=True)
        power = tf.reduce_sum(kernel**2, axes, keepdims=True) / tf.maximum(count, 1.0)
        return self.step * tf.sqrt(power) + 1e-12


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _straight_through(kernel: tf.Tensor, rounded: tf.Tensor) -> tuple[tf.Tensor, object]:
    # Not `kernel + stop_gradient(rounded - kernel)`: its last bits differ from the levels.
    return tf.identity(rounded), lambda upstream: (upstream, None)


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
