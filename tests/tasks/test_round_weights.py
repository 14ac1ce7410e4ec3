"""Entropy-aware rounding takes many bytes and little accuracy, without labels."""

import numpy as np
import pytest

from tasks.compression.finish.correct_bias import BLOCK, Moments, moments
from tasks.compression.finish.round_weights import Kernel, layers_of, output_gains, replace_kernel, round_weights
from tasks.core.params.recipes import RoundWeights
from tasks.data.records import Array
from tasks.tflite.file import File, activations, feed, outputs
from tasks.tflite.sizes import entropy, zip_bytes
from tests.tasks import line, tiny_files


@pytest.fixture(scope="module")
def int8() -> bytes:
    return tiny_files.convert("int8")


def labels(start: int, stop: int) -> Array:
    return np.array([int(text.rsplit(",", 1)[1]) for text in line.digits(start, stop)])


def accuracy(content: bytes) -> float:
    rows = feed(content, tiny_files.rows(900, 1500))
    return float((outputs(content, rows).argmax(axis=1) == labels(900, 1500)).mean())


def kernel(rows: int = 400, outputs_: int = 6, inputs: int = 20, seed: int = 0) -> tuple[Kernel, Array, Array]:
    """A kernel on inputs that go together, its real weights, and the inputs."""
    random = np.random.default_rng(seed)
    shown = random.normal(size=(rows, inputs)) @ random.normal(size=(inputs, inputs)) / np.sqrt(inputs)
    levels = np.round(random.normal(size=(outputs_, inputs)) * 40).clip(-127, 127)
    centred = shown - shown.mean(axis=0)
    measured = Moments(shown.mean(axis=0)[np.newaxis], [(centred.T @ centred / rows)[np.newaxis]])
    scale = np.full(outputs_, 0.01)
    return Kernel(levels, scale, measured), levels * 0.01, centred


def test_bytes_go_and_accuracy_stays(int8: bytes) -> None:
    rounded = round_weights(int8, RoundWeights(step="round_weights", noise_per_bit=1e-6), tiny_files.rows(0, 300))
    assert zip_bytes(rounded) < 0.9 * zip_bytes(int8)
    assert accuracy(rounded) > accuracy(int8) - 0.01 > 0.85


def test_more_noise_per_bit_takes_more_bytes(int8: bytes) -> None:
    sizes = [
        zip_bytes(round_weights(int8, RoundWeights(step="round_weights", noise_per_bit=noise), tiny_files.rows(0, 200)))
        for noise in (1e-8, 1e-6, 1e-4)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


def test_equal_input_gives_equal_bytes(int8: bytes) -> None:
    step = RoundWeights(step="round_weights", noise_per_bit=1e-6)
    assert round_weights(int8, step, tiny_files.rows(0, 100)) == round_weights(int8, step, tiny_files.rows(0, 100))


def test_the_noise_that_is_told_is_the_noise_at_the_output() -> None:
    tried, weights, centred = kernel()
    for noise_per_bit in (1e-5, 1e-4, 1e-3):
        rounded = tried.rounded(noise_per_bit)
        before, after = centred @ weights.T, centred @ (rounded.levels * rounded.scale[:, np.newaxis]).T
        measured = np.square(after - before).sum() / np.square(before).sum()
        assert rounded.noise == pytest.approx(measured, rel=0.3)  # the damping of the covariance is in the told one


def test_rounding_in_turn_makes_less_noise_than_rounding_to_the_nearest_level_at_equal_bits() -> None:
    tried, weights, centred = kernel(inputs=60)
    rounded = tried.rounded(1e-4)
    before = centred @ weights.T
    own = np.square(centred @ (rounded.levels * rounded.scale[:, np.newaxis]).T - before).sum()
    widths = np.linspace(0.01, 4, 800) * weights.std()
    plain = next(levels * width for width in widths if entropy(levels := np.round(weights / width)) <= rounded.bits)
    assert own < 0.8 * np.square(centred @ plain.T - before).sum()


def test_a_kernel_on_a_coarse_grid_keeps_it_where_noise_is_dear() -> None:
    random = np.random.default_rng(0)
    levels = random.integers(-2, 3, (8, 30)) * 40
    tried = Kernel(levels, np.full(8, 0.02), Moments(np.zeros((1, 30)), [np.eye(30)[np.newaxis]]))
    rounded = tried.rounded(1e-9)
    assert rounded.noise == pytest.approx(0, abs=1e-12) and (rounded.levels == levels).all()


def test_blocks_of_inputs_bound_the_memory_of_wide_layers() -> None:
    width = BLOCK + 30
    shown = np.random.default_rng(0).normal(size=(50, width))
    parts = [shown[:, :BLOCK], shown[:, BLOCK:]]
    covariances = [(part.T @ part / 50)[np.newaxis] for part in parts]
    levels = np.random.default_rng(1).integers(-100, 101, (2, width))
    rounded = Kernel(levels, np.full(2, 0.01), Moments(np.zeros((1, width)), covariances)).rounded(1e-5)
    assert rounded.levels.shape == levels.shape and 0 < rounded.bits < entropy(levels)


def test_the_inputs_of_each_kind_of_layer_are_those_that_it_multiplies(int8: bytes) -> None:
    """kernel @ mean of the inputs is the mean of what the layer computes, before its bias."""
    file, fed = File(int8), feed(int8, tiny_files.rows(0, 40))
    flows = list(activations(int8, fed, [operator.inputs for operator in file.weighted()]))
    for operator, measured in zip(file.weighted(), moments(file, int8, fed), strict=True):
        assert len(measured.mean) == (8 if operator.kind == "depthwise" else 1)
        held = np.concatenate([flow[operator.inputs] for flow in flows]).astype(float)
        held -= file.scales(operator.inputs)[1][0]
        if operator.kind == "dense":
            assert np.allclose(measured.mean[0], held.reshape(40, -1).mean(axis=0))
            assert np.allclose(measured.covariance[0][0], np.cov(held.reshape(40, -1).T, bias=True), atol=1e-2)
        elif operator.kind == "conv":  # 3x3, SAME: the middle of the window is the image itself
            assert measured.mean[0].reshape(3, 3)[1, 1] == pytest.approx(held.mean(), rel=1e-4)
        else:
            middle = measured.mean.reshape(8, 3, 3)[:, 1, 1]
            assert np.allclose(middle, held[:, 1::2, 1::2].mean(axis=(0, 1, 2))) or np.allclose(
                middle, held[:, ::2, ::2].mean(axis=(0, 1, 2))
            )


def test_biases_take_the_shift_of_the_means_back(int8: bytes) -> None:
    rows = tiny_files.rows(0, 200)
    fed = feed(int8, rows)
    (layer, *_) = layers_of(int8, fed)
    rounded = layer.kernel.rounded(1e-3)
    with_bias, without = File(int8), File(int8)
    replace_kernel(with_bias, layer, rounded)
    replace_kernel(without, layer, rounded)
    kept = File(int8).values(layer.operator.bias) * File(int8).scales(layer.operator.bias)[0]  # type: ignore[arg-type]
    grid = without.scales(layer.operator.bias)[0]  # type: ignore[arg-type]
    without.set_values(layer.operator.bias, np.round(kept / grid))  # type: ignore[arg-type]
    shifts = []
    for file in (with_bias, without):
        content = file.content()
        means = [
            np.mean([held[layer.operator.output] for held in activations(one, fed, [layer.operator.output])], axis=0)
            for one in (int8, content)
        ]
        shifts.append(np.abs(means[0] - means[1]).mean())
    assert shifts[0] < shifts[1]


def test_layers_near_the_output_and_far_from_it_are_weighed_by_what_arrives(int8: bytes) -> None:
    fed = feed(int8, tiny_files.rows(0, 100))
    gains = output_gains(int8, layers_of(int8, fed), fed)
    assert len(gains) == 3 and all(0.001 <= gain < 20 for gain in gains)
    assert gains[-1] == pytest.approx(1, rel=0.5)  # the last layer's noise is the noise of the logits


def test_a_float_file_has_nothing_to_round() -> None:
    content = tiny_files.convert("float32")
    rows = tiny_files.rows(0, 10)
    assert layers_of(content, feed(content, rows)) == []
