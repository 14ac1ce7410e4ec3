"""Small TFLite files of a network that has learned scikit-learn's digits a little."""

import io
import zipfile
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from tasks.data.records import Array
from tests.tasks import line

MEAN, STD = 5, 6.0
SHAPE = (8, 8, 1)


def rows(start: int, stop: int) -> Array:
    """Normalised digits, (rows, 8, 8, 1) of float32."""
    return ((line.pixels(line.digits(start, stop)) - MEAN) / STD).astype(np.float32)


@cache
def network() -> Any:
    """A network of a convolution, a depthwise one and a dense layer, with logits as outputs."""
    import_module("tasks.models.quiet_tensorflow")
    from tf_keras import Sequential, layers, losses, optimizers, utils

    utils.set_random_seed(0)
    model = Sequential(
        [
            layers.Input(SHAPE),
            layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv"),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu", name="depthwise"),
            layers.Flatten(),
            layers.Dense(10, name="logits"),
        ]
    )
    labels = np.array([int(text.rsplit(",", 1)[1]) for text in line.digits(0, 600)])
    model.compile(optimizers.legacy.Adam(0.01), losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(rows(0, 600), labels, batch_size=32, epochs=4, verbose=0)
    return model


def metadata() -> Any:
    from tasks.models.saving import image_metadata

    return image_metadata([str(digit) for digit in range(10)], SHAPE, MEAN, STD)


def convert(precision: str, float_layers: list[str] | None = None) -> bytes:
    """Convert the network by way of the export's own code."""
    from tasks.core.params.recipes import Recipe
    from tasks.models import conversion

    recipe = Recipe.model_validate(
        {"steps": [], "precision": precision, "float_layers": float_layers or [], "finish": []}
    )
    return conversion.convert(network(), metadata(), recipe, calibration())


def calibration() -> Array:
    """Normalised rows whose range is that of all bytes, as `conversion.calibration` makes them."""
    chosen = rows(0, 200)
    chosen[0, 0, 0], chosen[0, -1, -1] = -MEAN / STD, (255 - MEAN) / STD
    return chosen


@cache
def all_precisions() -> dict[str, bytes]:
    """A file of each precision."""
    return {name: convert(name) for name in ("float32", "float16", "dynamic", "int8", "int16x8")}


def two_inputs() -> bytes:
    """A file whose two inputs have names that matter, in its signature."""
    import_module("tasks.models.quiet_tensorflow")
    import tensorflow as tf
    from tf_keras import Model, layers

    left, right = layers.Input([4], name="left"), layers.Input([4], name="right")
    model = Model([left, right], layers.Subtract(name="difference")([left, right]))
    return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def with_a_loop() -> bytes:
    """A file of three graphs: the main one, the condition and the body of a loop."""
    import_module("tasks.models.quiet_tensorflow")
    import tensorflow as tf

    def double(values: Any) -> Any:
        _, result = tf.while_loop(
            lambda count, _: count < 3, lambda count, now: (count + 1, now * 2.0 + 1.0), (0, values)
        )
        return result

    module = tf.Module()
    module.run = tf.function(double, input_signature=[tf.TensorSpec([1, 4])])
    return bytes(
        tf.lite.TFLiteConverter.from_concrete_functions([module.run.get_concrete_function()], module).convert()
    )


def with_labels(content: bytes) -> bytes:
    """A file with a zip of labels behind it, as MediaPipe's metadata writer makes it."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("labels.txt", "0\n1\n")
    return buffer.getvalue()
