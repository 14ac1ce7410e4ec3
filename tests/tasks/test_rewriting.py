"""Networks that quantization-aware training refuses are trained all the same, and what is left out is said."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import StageError


@pytest.fixture(scope="module", autouse=True)
def seeded() -> None:
    from tasks.models.training_loop import seed

    seed(0)


def chain(shape: tuple[int, ...], *layers: Any) -> Any:
    """A network of layers one after the other, whose batch norms are not those of a new one."""
    from tf_keras import Input, Model
    from tf_keras.layers import BatchNormalization

    inputs = outputs = Input(shape)
    for layer in layers:
        outputs = layer(outputs)
        if isinstance(layer, BatchNormalization):
            random = np.random.default_rng(0)
            layer.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return Model(inputs, outputs)


def relu_before_batch_norm() -> Any:
    from tf_keras.layers import BatchNormalization, Conv2D, Dense, Flatten, ReLU

    return chain(
        (8, 8, 1), Conv2D(4, 3, activation="relu", padding="same"), BatchNormalization(), Conv2D(4, 3), ReLU(),
        BatchNormalization(), Flatten(), Dense(3),
    )  # fmt: skip


def preprocessing_in_front() -> Any:
    from tf_keras.layers import Conv2D, Dense, Flatten, Normalization, RandomFlip, RandomRotation, Rescaling

    return chain(
        (8, 8, 3), RandomFlip(), RandomRotation(0.1), Rescaling(1 / 2, -0.5),
        Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 2.0, 3.0]), Conv2D(4, 3, activation="elu"), Flatten(),
        Dense(3),
    )  # fmt: skip


def convolutions_over_steps() -> Any:
    from tf_keras.layers import (
        BatchNormalization,
        Conv1D,
        Dense,
        GlobalAveragePooling1D,
        MaxPooling1D,
        ReLU,
        SeparableConv1D,
    )

    return chain(
        (20, 3), Conv1D(4, 3, padding="causal", dilation_rate=2), BatchNormalization(), ReLU(),
        Conv1D(5, 3, strides=2, padding="same", activation="relu"), MaxPooling1D(), SeparableConv1D(4, 3, strides=2),
        Conv1D(5, 2, activation="selu"), GlobalAveragePooling1D(), Dense(3),
    )  # fmt: skip


def batch_norm_first() -> Any:
    from tf_keras.layers import BatchNormalization, Conv2D, Dense, Flatten, ReLU, SeparableConv2D

    return chain(
        (8, 8, 1), BatchNormalization(), Conv2D(4, 3), BatchNormalization(), ReLU(), SeparableConv2D(4, 3),
        BatchNormalization(), Flatten(), Dense(6, activation="relu"), BatchNormalization(), Dense(3),
    )  # fmt: skip


def attention() -> Any:
    from tf_keras import Input, Model
    from tf_keras.layers import Add, Dense, Flatten, LayerNormalization, MultiHeadAttention, Multiply

    inputs = Input((6, 4))
    attended = MultiHeadAttention(2, 4, name="attention")(inputs, inputs)
    normal = LayerNormalization(name="normal")(Add()([attended, inputs]))
    return Model(inputs, Dense(3)(Flatten()(Multiply(name="product")([normal, inputs]))))


def recurrent() -> Any:
    from tf_keras.layers import GRU, LSTM, Dense

    return chain((6, 4), LSTM(4, return_sequences=True, name="long"), GRU(4, name="gated"), Dense(3))


@pytest.mark.parametrize(
    ("build", "left_out"),
    [
        (relu_before_batch_norm, []),
        (preprocessing_in_front, ["Activation"]),
        (convolutions_over_steps, ["MaxPooling1D", "Activation"]),
        (batch_norm_first, ["BatchNormalization"]),
        (attention, ["MultiHeadAttention", "LayerNormalization", "Multiply"]),
        (recurrent, ["LSTM", "GRU"]),
    ],
)
def test_a_rewritten_model_gives_the_same_outputs_and_names_what_it_leaves_out(
    build: Callable[[], Any], left_out: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from tasks.compression.steps.quantize_aware import aware_copy_of, rewritten

    model = build()
    before = [weight.copy() for weight in model.get_weights()]
    rows = np.random.default_rng(1).normal(size=(5, *model.input_shape[1:])).astype(np.float32)
    new = rewritten(model)
    assert np.abs(np.asarray(new(rows, training=False)) - np.asarray(model(rows, training=False))).max() < 1e-5
    aware = aware_copy_of(new, "test")
    for _ in range(3):
        got = np.asarray(aware(rows, training=True))
    assert got.shape == (5, 3) and np.isfinite(got).all()
    said = capsys.readouterr().out.splitlines()
    assert [line.split("(")[1].split(")")[0] for line in said] == left_out
    assert all("is quantized after training" in line for line in said)
    assert all((one == other).all() for one, other in zip(before, model.get_weights(), strict=True))


def test_a_model_that_needs_nothing_is_copied() -> None:
    from tasks.compression.steps.quantize_aware import rewritten
    from tests.tasks import line

    model = line.conv_net([4, 8], (16, 16, 1))
    new = rewritten(model)
    assert [type(layer) for layer in new.layers] == [type(layer) for layer in model.layers]
    assert new.layers[1] is not model.layers[1]


@pytest.mark.parametrize("kind", ["lambda", "nested"])
def test_what_cannot_be_looked_into_is_refused_by_name(kind: str) -> None:
    from tf_keras.layers import Conv2D, Dense, Flatten, Lambda

    from tasks.compression.steps.quantize_aware import rewritten

    odd = Lambda(lambda values: values * 2, name="odd")
    if kind == "nested":
        odd = chain((8, 8, 1), Conv2D(1, 3, padding="same"))
    with pytest.raises(StageError, match=f"{odd.name}, a "):
        rewritten(chain((8, 8, 1), odd, Flatten(), Dense(3)))
