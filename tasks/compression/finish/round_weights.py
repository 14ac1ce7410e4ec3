"""Entropy-aware rounding of the int8 kernels of a file: fewer bits on the way, no labels and no training needed."""

from dataclasses import dataclass

import numpy as np

from tasks.compression.file import File, Weighted, feed, outputs
from tasks.compression.layer_inputs import Moments, moments
from tasks.compression.rate_distortion import Kernel, Rounded
from tasks.contracts.recipes import RoundWeights
from tasks.data.records import Array

# Rows that the gains are measured on: each layer takes a run of them.
GAIN_ROWS = 100


@dataclass(frozen=True)
class Layer:
    """An operator that is rounded, with its kernel."""

    operator: Weighted
    kernel: Kernel
    moments: Moments


def round_weights(content: bytes, params: RoundWeights, rows: Array) -> bytes:
    """Return the file with rounded kernels and with biases that take back the shift of the means.

    Args:
        content: of an int8 file; kernels of other types stay as they are.
        params: `noise_per_bit` is in units of the logits' power.
        rows: calibration rows as floats, (rows, ...).
    """
    return Rounding(content, rows).at(params.noise_per_bit)


class Rounding:
    """An int8 file with what its rounding needs to know of it, for as many roundings as are wanted.

    How much each layer may lose follows from what its noise does at the logits, measured layer by layer.
    """

    def __init__(self, content: bytes, rows: Array) -> None:
        fed = feed(content, rows)
        self._content, self._layers = content, layers_of(content, fed)
        self._gains = output_gains(content, self._layers, fed)

    def at(self, noise_per_bit: float) -> bytes:
        """Return the rounded file; see `round_weights`."""
        file = File(self._content)
        for layer, gain in zip(self._layers, self._gains, strict=True):
            replace_kernel(file, layer, layer.kernel.rounded(noise_per_bit / gain))
        return file.content()


def layers_of(content: bytes, fed: Array) -> list[Layer]:
    """Return the operators with int8 inputs and kernels, with the statistics of their inputs."""
    file = File(content)
    found = []
    for operator, measured in zip(file.weighted(), moments(file, content, fed), strict=True):
        if file.dtype(operator.kernel) == file.dtype(operator.inputs) == np.int8:
            levels = _by_output(file.values(operator.kernel), operator)
            scale = np.broadcast_to(file.scales(operator.kernel)[0], len(levels))
            found.append(Layer(operator, Kernel(levels, scale, measured), measured))
    return found


def output_gains(content: bytes, layers: list[Layer], fed: Array) -> list[float]:
    """Return for each layer how much of its own relative noise arrives at the logits, relative to their power."""
    fed = fed[:GAIN_ROWS]
    before = outputs(File(content).without_softmax(), fed)
    power = float(np.square(before - before.mean(axis=0)).mean()) or 1.0
    gains = []
    for layer in layers:
        rounded = layer.kernel.disturbed()
        file = File(content)
        replace_kernel(file, layer, rounded)
        arrived = float(np.square(outputs(file.without_softmax(), fed) - before).mean()) / power
        gains.append(max(arrived / max(rounded.noise, 1e-12), 1e-3))
    return gains


def replace_kernel(file: File, layer: Layer, rounded: Rounded) -> None:
    """Write a rounded kernel, its scale, and the bias on the grid that goes with it."""
    operator = layer.operator
    input_scale = file.scales(operator.inputs)[0][0]
    errors = rounded.levels * rounded.scale[:, np.newaxis] - layer.kernel.weights
    mean = np.broadcast_to(layer.moments.mean, errors.shape)
    scales = rounded.scale if len(file.scales(operator.kernel)[0]) > 1 else rounded.scale[:1]
    if operator.bias is not None:
        exact = file.values(operator.bias) * file.scales(operator.bias)[0] - (errors * mean).sum(axis=1) * input_scale
        grid = np.float32(input_scale) * scales.astype(np.float32)
        file.set_values(operator.bias, np.round(exact / grid))
        file.tensors[operator.bias].quantization.scale = grid
    shape = file.tensors[operator.kernel].shape
    file.set_values(operator.kernel, _from_output(rounded.levels, operator, tuple(shape)))
    file.tensors[operator.kernel].quantization.scale = scales.astype(np.float32)


def _by_output(kernel: Array, operator: Weighted) -> Array:
    """Lay a kernel out as (outputs, inputs)."""
    if operator.kind == "depthwise":
        kernel = np.moveaxis(kernel[0], -1, 0)
    return kernel.reshape(len(kernel), -1)


def _from_output(levels: Array, operator: Weighted, shape: tuple[int, ...]) -> Array:
    if operator.kind == "depthwise":
        return np.moveaxis(levels.reshape(shape[3], shape[1], shape[2]), 0, -1)[np.newaxis]
    return levels.reshape(shape)
