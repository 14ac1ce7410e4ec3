"""Empirical bias correction, from the inputs of an int8 file's kernels on calibration rows.

After Nagel et al. 2019 (arXiv:1906.04721, section 4.2 and appendix D), on the means before the activation. These follow
from the mean of the inputs alone, as convolutions are linear, so a few hundred rows are enough.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.core.errors import StageError
from tasks.data.records import Array
from tasks.tflite.file import File, Weighted, activations, feed

# The inputs of one output are taken together up to this many; beyond, in blocks that are held to be independent, so
# that memory stays bounded by the square of this.
BLOCK = 2048


@dataclass
class Moments:
    """Of a kernel's inputs, in steps of their int8 grid, block by block.

    Attributes:
        mean: (groups, inputs); one group that all outputs share, or one per channel of a depthwise convolution.
        covariance: one array (groups, inputs of the block, inputs of the block) per block.
    """

    mean: Array
    covariance: list[Array]


def moments(file: File, content: bytes, rows: Array) -> list[Moments]:
    """Measure the inputs of each of `file.weighted()`.

    Args:
        file: the objects of `content`.
        content: of an int8 file.
        rows: what it is fed, (rows, ...).
    """
    operators = file.weighted()
    sums = [_Sums() for _ in operators]
    for held in activations(content, rows, sorted({operator.inputs for operator in operators})):
        for operator, total in zip(operators, sums, strict=True):
            _, zero_points = file.scales(operator.inputs)
            values = held[operator.inputs].astype(np.float32) - np.float32(zero_points[0])
            total.add(patches(values, operator, file.values(operator.kernel).shape))
    return [total.moments() for total in sums]


class _Sums:
    """First and second moments, summed over the rows."""

    def __init__(self) -> None:
        self._count, self._first, self._second = 0, np.zeros(()), list[Array]()

    def add(self, patches: Array) -> None:
        """Count patches of (groups, positions, inputs)."""
        blocks = [patches[..., start : start + BLOCK] for start in range(0, patches.shape[-1], BLOCK)]
        self._count += patches.shape[1]
        self._first = self._first + patches.sum(axis=1, dtype=np.float64)
        second = [np.matmul(block.swapaxes(1, 2), block).astype(np.float64) for block in blocks]
        self._second = [old + new for old, new in zip(self._second, second, strict=True)] if self._second else second

    def moments(self) -> Moments:
        mean = self._first / self._count
        parts = [mean[:, start : start + BLOCK] for start in range(0, mean.shape[1], BLOCK)]
        return Moments(
            mean,
            [
                second / self._count - part[:, :, np.newaxis] * part[:, np.newaxis, :]
                for second, part in zip(self._second, parts, strict=True)
            ],
        )


def patches(values: Array, operator: Weighted, kernel_shape: tuple[int, ...]) -> Array:
    """Return what each output position is computed from, (groups, positions, inputs)."""
    if operator.kind == "dense":
        return values.reshape(1, -1, kernel_shape[1])
    windows = _windows(values, operator.options, kernel_shape[1:3])
    if operator.kind == "depthwise":
        multiplier = kernel_shape[3] // values.shape[3]
        groups = windows.reshape(-1, windows.shape[2], windows.shape[3] * windows.shape[4]).transpose(1, 0, 2)
        return np.repeat(groups, multiplier, axis=0)
    return np.moveaxis(windows, 2, -1).reshape(1, -1, int(np.prod(kernel_shape[1:])))


def _windows(values: Array, options: Any, size: tuple[int, ...]) -> Array:
    """Return the windows of a convolution over one image, (out height, out width, channels, height, width)."""
    strides = options.strideH, options.strideW
    dilations = options.dilationHFactor, options.dilationWFactor
    spans = [dilation * (extent - 1) + 1 for extent, dilation in zip(size, dilations, strict=True)]
    if options.padding == 0:  # SAME
        needed = [
            max((-(-length // stride) - 1) * stride + span - length, 0)
            for length, stride, span in zip(values.shape[1:3], strides, spans, strict=True)
        ]
        values = np.pad(values, ((0, 0), *((extra // 2, extra - extra // 2) for extra in needed), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(values[0], spans, axis=(0, 1))
    return windows[:: strides[0], :: strides[1], :, :: dilations[0], :: dilations[1]]


def correct_bias(content: bytes, float32: bytes, rows: Array) -> bytes:
    """Return the int8 file with corrected biases; nothing else in it changes.

    The operators are corrected in their order, each with the inputs that it gets from the corrected ones before it.
    One that stayed float, or has no bias, stays as it is.

    Args:
        content: of an int8 file.
        float32: the same network as a float file that takes `rows` as they are.
        rows: calibration rows as floats, (rows, ...).

    Raises:
        StageError: the two files do not have the same operators with kernels.
    """
    file, reference = File(content), File(float32)
    pairs = list(zip(file.weighted(), reference.weighted(), strict=False))
    _require_same(file, reference)
    fed = feed(content, rows)
    wanted = _input_means(reference, float32, [exact for _, exact in pairs], rows)
    for (operator, exact), expected in zip(pairs, wanted, strict=True):
        if operator.bias is None or file.dtype(operator.kernel) != np.int8:
            continue
        (got,) = _input_means(file, file.content(), [operator], fed)
        shift = _mean_output(reference, exact, expected) - _mean_output(file, operator, got)
        limits = np.iinfo(np.int32)
        steps = np.round(shift / file.scales(operator.bias)[0])
        file.set_values(operator.bias, np.clip(file.values(operator.bias) + steps, limits.min, limits.max))
    return file.content()


def _require_same(file: File, reference: File) -> None:
    got, expected = (
        [(operator.kind, *each.tensors[operator.kernel].shape) for operator in each.weighted()]
        for each in (file, reference)
    )
    if got != expected:
        raise StageError(
            got=f"an int8 file with the kernels {_listed(got)}",
            expected=f"those of the float file, {_listed(expected)}",
            do="remove correct_bias from this recipe's finish: the converter merged layers of this network",
        )


def _listed(kernels: list[tuple[str, ...]]) -> str:
    return ", ".join(f"{kind} {'x'.join(map(str, shape))}" for kind, *shape in kernels) or "none"


def _input_means(file: File, content: bytes, operators: list[Weighted], rows: Array) -> list[Array]:
    """Return the mean over the rows of what each operator is given, dequantized, (1, ...)."""
    sums: dict[int, Array] = {}
    for held in activations(content, rows, sorted({operator.inputs for operator in operators})):
        for index, values in held.items():
            sums[index] = sums.get(index, 0) + values.astype(np.float64)
    return [_real(file, operator.inputs, sums[operator.inputs] / len(rows)) for operator in operators]


def _real(file: File, index: int, values: Array) -> Array:
    """Dequantize a tensor of one scale; a float tensor stays as it is."""
    if file.dtype(index) == np.float32:
        return values
    scale, zero_point = file.scales(index)
    real: Array = (values - zero_point) * scale
    return real


def _mean_output(file: File, operator: Weighted, mean_input: Array) -> Array:
    """Return the mean over positions of each output channel, before its activation: (channels,)."""
    kernel = file.values(operator.kernel).astype(np.float64)
    inputs = patches(mean_input, operator, kernel.shape).mean(axis=1)
    if operator.kind == "depthwise":
        kernel = np.moveaxis(kernel[0], -1, 0)
    outputs = (kernel.reshape(len(kernel), -1) * inputs).sum(axis=1)
    bias = 0.0 if operator.bias is None else file.values(operator.bias).astype(np.float64)
    if file.dtype(operator.kernel) == np.float32:
        return np.asarray(outputs + bias)
    scale = file.scales(operator.kernel)[0]
    return np.asarray(outputs * scale + bias * (file.scales(operator.bias)[0] if operator.bias is not None else 0))
