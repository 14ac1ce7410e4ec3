"""Keras models into TFLite files, with the normalisation inside."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tf_keras import Model, layers

from tasks.contracts.errors import StageError
from tasks.contracts.params import Export
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.models.saving import Facts

RAW_MAX = 255
INT8_OFFSET = 128


def float32(model: Any, facts: Facts) -> bytes:
    """Convert to a file that takes raw pixels as float32 and gives probabilities."""
    raw = layers.Input(facts.image_shape, name="image")
    normalised = layers.Rescaling(1 / facts.std, -facts.mean / facts.std)(raw)
    return _convert(tf.lite.TFLiteConverter.from_keras_model(_with_probabilities(raw, model(normalised))))


def int8(model: Any, facts: Facts, data: Dataset, params: Export) -> bytes:
    """Convert to a full-integer file that takes raw - 128 as int8.

    A quantization-aware model is given the representative rows too: without them its outputs would stay float.

    Raises:
        StageError: the input's scale and zero point are not those of the normalisation.
    """
    normalised = layers.Input(facts.image_shape, name="image")
    converter = tf.lite.TFLiteConverter.from_keras_model(_with_probabilities(normalised, model(normalised)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter.representative_dataset = lambda: representative_rows(data, facts, params)
    content = _convert(converter)
    _require_raw_input(content, facts)
    return content


def representative_rows(data: Dataset, facts: Facts, params: Export) -> Iterator[list[Array]]:
    """Yield single normalised rows of the training split, never of those that are measured on.

    In the first, two corner pixels are set to black and white: the range of the input is that of all raw values,
    whichever rows were drawn.
    """
    images = data.column("train", "image")
    count = min(params.calibration_rows, len(images))
    rows = np.sort(np.random.default_rng(params.seed).choice(len(images), count, replace=False))
    chosen = images.take(rows)
    chosen[0, 0, 0], chosen[0, -1, -1] = 0, RAW_MAX
    for image in chosen:
        yield [((image[np.newaxis].astype(np.float32) - facts.mean) / np.float32(facts.std))]


def _with_probabilities(inputs: Any, logits: Any) -> Any:
    return Model(inputs, layers.Softmax(name="probabilities")(logits))


def _convert(converter: Any) -> bytes:
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Statistics for quantized inputs"
        )  # the representative rows give them
        content: bytes = converter.convert()
    return content


def _require_raw_input(content: bytes, facts: Facts) -> None:
    from ai_edge_litert.interpreter import Interpreter

    scale, zero_point = Interpreter(model_content=content).get_input_details()[0]["quantization"]
    expected = 1 / facts.std, facts.mean - INT8_OFFSET
    if zero_point != expected[1] or abs(scale / expected[0] - 1) > 1e-5:
        raise StageError(
            got=f"an input of scale {scale:g} and zero point {zero_point}",
            expected=f"scale {expected[0]:g} and zero point {expected[1]}, so that the device feeds raw - 128",
            do="this is a fault of the conversion; report it with the recipe",
        )
