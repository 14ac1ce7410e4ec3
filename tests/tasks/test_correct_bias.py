"""Bias correction: the means of the layers move back to those of the float model, and nothing else changes."""

import numpy as np
import pytest

from tasks.compression.finish.correct_bias import correct_bias
from tasks.core.errors import StageError
from tasks.data.records import Array
from tasks.tflite.file import File, activations, feed
from tests.tasks import tiny_files

HELD = slice(200, 500)


@pytest.fixture(scope="module")
def reference() -> bytes:
    from tasks.models import conversion

    return conversion.normalised_float32(tiny_files.network(), tiny_files.metadata())


@pytest.fixture(scope="module")
def coarse() -> bytes:
    """An int8 file whose kernels lost bits: what was rounded up and down does not cancel out."""
    file = File(tiny_files.all_precisions()["int8"])
    for operator in file.weighted():
        file.set_values(operator.kernel, np.floor(file.values(operator.kernel) / 16.0) * 16)
    return file.content()


def shifts(content: bytes, reference: bytes) -> list[float]:
    """How far the mean of each operator's output channels is from the float model's, on rows not calibrated with."""
    rows = tiny_files.rows(HELD.start, HELD.stop)
    means: list[list[Array]] = []
    for each in (content, reference):
        file = File(each)
        outputs = [operator.output for operator in file.weighted()]
        sums = [np.zeros(()) for _ in outputs]
        for held in activations(each, feed(each, rows), outputs):
            sums = [total + _real(file, index, held[index]) for total, index in zip(sums, outputs, strict=True)]
        means.append([np.mean(total / len(rows), axis=tuple(range(total.ndim - 1))) for total in sums])
    return [float(np.sqrt(np.square(one - other).mean())) for one, other in zip(*means, strict=True)]


def _real(file: File, index: int, values: Array) -> Array:
    if file.dtype(index) == np.float32:
        return values.astype(np.float64)
    scale, zero_point = file.scales(index)
    return np.asarray((values - zero_point) * scale)


def test_the_shift_of_the_channel_means_goes_down_on_held_rows(coarse: bytes, reference: bytes) -> None:
    corrected = correct_bias(coarse, reference, tiny_files.calibration())
    before, after = shifts(coarse, reference), shifts(corrected, reference)
    assert all(new < old for old, new in zip(before, after, strict=True)), (before, after)
    assert after[-1] < 0.25 * before[-1] and after[-2] < 0.25 * before[-2], (before, after)


def test_an_ordinary_int8_file_is_not_made_worse(reference: bytes) -> None:
    content = tiny_files.all_precisions()["int8"]
    before = shifts(content, reference)
    after = shifts(correct_bias(content, reference, tiny_files.calibration()), reference)
    assert sum(after) <= 1.05 * sum(before), (before, after)


def test_only_biases_change(coarse: bytes, reference: bytes) -> None:
    before, after = File(coarse), File(correct_bias(coarse, reference, tiny_files.calibration()))
    biases = {operator.bias for operator in before.weighted()}
    for index, (one, other) in enumerate(zip(before.tensors, after.tensors, strict=True)):
        if before.is_constant(index):
            assert (before.values(index) == after.values(index)).all() == (index not in biases), one.name
        if one.quantization is not None and one.quantization.scale is not None:
            assert (one.quantization.scale == other.quantization.scale).all()


def test_layers_that_stayed_float_stay_as_they_are(reference: bytes) -> None:
    content = tiny_files.convert("int8", ["depthwise"])
    corrected = correct_bias(content, reference, tiny_files.calibration())
    before, after = File(content), File(corrected)
    operator = before.weighted()[1]
    assert before.dtype(operator.kernel) == np.float32 and operator.bias is not None
    assert (before.values(operator.bias) == after.values(operator.bias)).all()
    assert corrected != content


def test_a_reference_of_another_network_is_refused(reference: bytes) -> None:
    with pytest.raises(StageError, match="the kernels none"):
        correct_bias(tiny_files.two_inputs(), reference, tiny_files.calibration())
