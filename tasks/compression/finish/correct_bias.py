"""Empirical bias correction: biases take back what quantization did to the mean of each output channel.

After Nagel et al. 2019 (arXiv:1906.04721, section 4.2 and appendix D), on the means before the activation. These follow
from the mean of the inputs alone, as convolutions are linear, so a few hundred rows are enough.
"""

import numpy as np

from tasks.compression.finish.layer_inputs import patches
from tasks.core.errors import StageError
from tasks.data.records import Array
from tasks.tflite.file import File, Weighted, activations, feed


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
            do="leave correct_bias out of this recipe's finish: the converter merged layers of this network",
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
