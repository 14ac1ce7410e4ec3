"""Entropy-aware rounding of the int8 kernels of a file: rate against distortion, without labels or training.

Weights are rounded one input after another, and what each rounding does wrong is taken up by the inputs that are still
to come, as in GPTQ (Frantar et al. 2022, arXiv:2210.17323); here each decision also pays for the bits of its level,
whose code lengths are those of the levels chosen in the pass before (entropy-constrained quantization, Chou, Lookabaugh
and Gray 1989).
"""

from dataclasses import dataclass

import numpy as np

from tasks.compression.finish.correct_bias import Moments, moments
from tasks.core.params.recipes import RoundWeights
from tasks.data.records import Array
from tasks.tflite.file import File, Weighted, feed, outputs
from tasks.tflite.sizes import entropy

PASSES = 3
DAMPING = 0.01
TOP = 127
# Widths of the grid that are tried, relative to the one that is best at high rates.
WIDTHS = (0.6, 0.8, 1.0, 1.25, 1.6)
# Channels whose scales differ more than this are rounded on widths of their own, too.
MAX_SCALE_RATIO = 4.0
# Part of the largest gain under which an input counts as one that does not move.
DEAD_INPUT_GAIN = 1e-6
# Width of the grid that shows what a kernel's noise does, in root mean squares of its weights.
OFF_GRID_WIDTH = 0.37
# A kernel of so few values lies on a coarse grid already: that grid is tried, too.
FEW_VALUES = 64


@dataclass(frozen=True)
class Rounded:
    """A rounded kernel.

    Attributes:
        levels: int8 values, (outputs, inputs).
        scale: what a level is worth, (outputs,).
        noise: power of the error at the output, relative to the output's power.
        bits: order-0 entropy per weight.
    """

    levels: Array
    scale: Array
    noise: float
    bits: float

    def cost(self, noise_per_bit: float) -> float:
        """Return what the rounding minimises."""
        return self.noise + noise_per_bit * self.bits * self.levels.size


class Kernel:
    """A kernel with the inputs that it is multiplied with.

    Args:
        levels: its int8 values, (outputs, inputs).
        scale: what a level is worth, (outputs,).
        moments: of its inputs.
    """

    def __init__(self, levels: Array, scale: Array, moments: Moments) -> None:
        self._levels, self._scale = levels.astype(np.float64), scale
        self.weights = self._levels * scale[:, np.newaxis]
        self._blocks, start = list[_Block](), 0
        for covariance in moments.covariance:
            self._blocks.append(_Block(covariance, slice(start, start + covariance.shape[-1])))
            start += covariance.shape[-1]
        self._power = max(self._noise_of(self.weights), np.finfo(np.float64).tiny)

    def rounded(self, noise_per_bit: float) -> Rounded:
        """Return the rounding with the least noise + `noise_per_bit` * bits, over grids and levels."""
        common = np.full(len(self._scale), 1.0)
        candidates = [self._on_width(scale, noise_per_bit) for scale in self._scales(common, noise_per_bit)]
        if (
            self._scale.max() > MAX_SCALE_RATIO * self._scale.min()
        ):  # one width for all would leave the small channels nothing
            candidates += [self._on_width(scale, noise_per_bit) for scale in self._scales(self._scale, noise_per_bit)]
        values = np.unique(self._levels)
        if len(values) <= FEW_VALUES:
            candidates.append(self._on_grid(self._levels, self._scale, values, noise_per_bit))
        return min(candidates, key=lambda candidate: candidate.cost(noise_per_bit))

    def off_grid(self) -> Rounded:
        """Return the kernel rounded to a grid that it does not lie on, for the noise that this makes."""
        largest = float(np.abs(self.weights).max()) or 1.0
        width = max(OFF_GRID_WIDTH * np.sqrt(np.square(self.weights).mean()), largest / TOP)
        levels = np.round(self.weights / width)
        noise = self._noise_of(levels * width - self.weights) / self._power
        return Rounded(levels.astype(np.int8), np.full(len(levels), width), float(noise), entropy(levels))

    def _scales(self, shape: Array, noise_per_bit: float) -> list[Array]:
        """Return multiples of `shape`, (outputs,), round the width of uniform quantization at high rates.

        There width^2 = 6 rate / ln 2 / gain. Inputs that almost never change (dead channels) make no noise and have no
        say.
        """
        gains = np.concatenate([block.gains().ravel() for block in self._blocks])
        active = gains[gains > DEAD_INPUT_GAIN * gains.max()]
        gain = np.exp(np.log(active).mean()) * np.square(shape).mean() / self._power
        best = np.sqrt(6 * noise_per_bit / np.log(2) / gain)
        largest = float(np.abs(self.weights / shape[:, np.newaxis]).max()) or 1.0
        return [
            shape * width for width in sorted({float(np.clip(best * one, largest / TOP, largest)) for one in WIDTHS})
        ]

    def _on_width(self, scale: Array, noise_per_bit: float) -> Rounded:
        levels = self.weights / scale[:, np.newaxis]
        top = min(TOP, int(np.ceil(np.abs(levels).max())) + 1)
        return self._on_grid(levels, scale, np.arange(-top, top + 1), noise_per_bit)

    def _on_grid(self, levels: Array, scale: Array, values: Array, noise_per_bit: float) -> Rounded:
        nearest = values[np.abs(levels[..., np.newaxis] - values).argmin(-1)] if len(values) > 1 else levels
        counts = _counts(nearest, values)
        weight = scale**2 / self._power
        for _ in range(PASSES):
            price = noise_per_bit * -np.log2((counts + 0.1) / (counts + 0.1).sum())
            chosen = np.empty_like(levels)
            for block in self._blocks:
                chosen[:, block.inputs] = block.rounded(levels[:, block.inputs], weight, values, price)
            counts = _counts(chosen, values)
        noise = self._noise_of(chosen * scale[:, np.newaxis] - self.weights) / self._power
        return Rounded(chosen.astype(np.int8), scale, float(noise), entropy(chosen))

    def _noise_of(self, errors: Array) -> float:
        return float(sum(block.power(errors[:, block.inputs]) for block in self._blocks))


class _Block:
    """Inputs that are rounded one after another, those of most variance first."""

    def __init__(self, covariance: Array, inputs: slice) -> None:
        self.inputs = inputs
        diagonal = np.einsum("gii->gi", covariance)
        damping = DAMPING * diagonal.mean(axis=1) + DEAD_INPUT_GAIN * max(diagonal.mean(), DEAD_INPUT_GAIN)
        self._covariance = covariance + damping[:, np.newaxis, np.newaxis] * np.eye(covariance.shape[1])
        self._order = np.argsort(-diagonal.sum(axis=0), kind="stable")
        ordered = self._covariance[:, self._order][:, :, self._order]
        self._factor = np.linalg.cholesky(np.linalg.inv(ordered)).swapaxes(1, 2)

    def gains(self) -> Array:
        """Return what an error of each input adds to the noise once those after it have made up for it."""
        return np.asarray(1 / np.einsum("gii->gi", self._factor) ** 2)

    def rounded(self, levels: Array, weight: Array, values: Array, price: Array) -> Array:
        """Return the chosen value of each of `levels`, (outputs, inputs); `weight` is what an output's noise counts."""
        left, chosen = levels[:, self._order].copy(), np.empty_like(levels)
        for index in range(left.shape[1]):
            gain = self._factor[:, index, index]
            cost = (left[:, index, np.newaxis] - values) ** 2 * (weight / gain**2)[:, np.newaxis] + price
            chosen[:, index] = values[cost.argmin(axis=1)]
            error = (left[:, index] - chosen[:, index]) / gain
            left[:, index + 1 :] -= error[:, np.newaxis] * self._factor[:, index, index + 1 :]
        return chosen[:, np.argsort(self._order)]

    def power(self, errors: Array) -> float:
        """Return the variance at the output that weights of (outputs, inputs) make, summed over the outputs."""
        shape = len(self._covariance), -1, errors.shape[1]
        grouped = errors.reshape(shape)
        return float((np.matmul(grouped, self._covariance) * grouped).sum())


def _counts(chosen: Array, values: Array) -> Array:
    return np.bincount(np.searchsorted(values, chosen.ravel()), minlength=len(values)).astype(np.float64)


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
        rounded = layer.kernel.off_grid()
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
