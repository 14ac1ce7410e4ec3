"""Keras models into TFLite files, with the normalisation inside."""

from typing import Any

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
from tf_keras import Model, layers

from tasks.compression.file import File
from tasks.contracts.errors import ParamsError, StageError
from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.models.saving import Facts
from tasks.models.tflite_converter import no_rows, one_by_one, to_int8_but, to_tflite

RAW_MAX = 255
INT8_OFFSET = 128


def convert(model: Any, facts: Facts, recipe: Recipe, rows: Array) -> bytes:
    """Convert to the file of a recipe's precision; its outputs are probabilities.

    An int8 file takes raw - 128 as int8, every other raw pixels as float32.

    Args:
        model: gives logits for normalised images.
        facts: of the model.
        recipe: its `precision` and `float_layers` count.
        rows: normalised images, as `calibration` returns them.

    Raises:
        ParamsError: `float_layers` names what the model does not have.
        StageError: an int8 file's input is not raw - 128.
    """
    if recipe.precision == "int8":
        return int8(model, facts, rows, recipe.float_layers)
    wide = recipe.precision == "int16x8"
    representative = one_by_one(rows * np.float32(facts.std) + facts.mean) if wide else no_rows
    return to_tflite(_raw(model, facts), recipe.precision, representative)


def float32(model: Any, facts: Facts) -> bytes:
    """Convert to a file that takes raw pixels as float32 and gives probabilities."""
    return to_tflite(_raw(model, facts), "float32")


def normalised_float32(model: Any, facts: Facts) -> bytes:
    """Convert to a float file that takes normalised images: what an int8 file is compared to, layer by layer."""
    return to_tflite(_normalised(model, facts), "float32")


def int8(model: Any, facts: Facts, rows: Array, float_layers: list[str]) -> bytes:
    """Convert to an integer file that takes raw - 128 as int8 and gives int8; see `convert`.

    A quantization-aware model is given the representative rows too: without them its outputs would stay float.
    """
    converter, representative = _normalised(model, facts), one_by_one(rows)
    if float_layers:
        content = to_int8_but(converter, representative, lambda file: _nodes(File(file), model, float_layers))
    else:
        content = to_tflite(converter, "int8", representative, integer_ends=True)
    _require_raw_input(content, facts)
    return content


def calibration(data: Dataset, facts: Facts, params: Export) -> Array:
    """Return normalised rows of the training split, never of those that are measured on: (rows, ...) of float32.

    In the first, two corner pixels are set to black and white: the range of the input is that of all raw values,
    whichever rows were drawn.
    """
    images = data.column("train", "image")
    count = min(params.calibration_rows, len(images))
    rows = np.sort(np.random.default_rng(params.seed).choice(len(images), count, replace=False))
    chosen = images.take(rows)
    chosen[0, 0, 0], chosen[0, -1, -1] = 0, RAW_MAX
    normalised: Array = (chosen.astype(np.float32) - np.float32(facts.mean)) / np.float32(facts.std)
    return normalised


def _raw(model: Any, facts: Facts) -> Any:
    raw = layers.Input(facts.image_shape, name="image")
    normalised = layers.Rescaling(1 / facts.std, -facts.mean / facts.std, name="rescaling")(raw)
    return tf.lite.TFLiteConverter.from_keras_model(_with_probabilities(raw, model(normalised)))


def _normalised(model: Any, facts: Facts) -> Any:
    normalised = layers.Input(facts.image_shape, name="image")
    return tf.lite.TFLiteConverter.from_keras_model(_with_probabilities(normalised, model(normalised)))


def _with_probabilities(inputs: Any, logits: Any) -> Any:
    """Return the model that is converted. Its name is in the file; Keras would count the models before it."""
    return Model(inputs, layers.Softmax(name="probabilities")(logits), name="model")


def _nodes(calibrated: File, model: Any, names: list[str]) -> list[str]:
    """Return the names of the operators that come from the named layers; one that was fused has several."""
    operators = calibrated.model.subgraphs[0].operators
    outputs = [calibrated.tensors[operator.outputs[0]].name.decode() for operator in operators]
    parts = {output: {part for path in output.split(";") for part in path.split("/")} for output in outputs}
    there = [layer.name for layer in model.layers if any(layer.name in names for names in parts.values())]
    if unknown := sorted(set(names) - set(there)):
        raise ParamsError(
            got=f"float_layers: {', '.join(unknown)}",
            expected=f"layers of the model that have an operator: {', '.join(there)}",
            do="correct float_layers of the recipe",
        )
    return [output for output in outputs if parts[output] & set(names)]


def _require_raw_input(content: bytes, facts: Facts) -> None:
    """A mean of half a raw value gives the nearest whole zero point: the device's raw - 128 is then half a step off."""
    file = File(content)
    given = file.model.subgraphs[0].inputs[0]
    scale, zero_point = (float(values[0]) for values in file.scales(given))
    expected = 1 / facts.std, facts.mean - INT8_OFFSET
    if abs(zero_point - expected[1]) > 0.5 or abs(scale / expected[0] - 1) > 1e-5:
        raise StageError(
            got=f"an input of scale {scale:g} and zero point {zero_point:g}",
            expected=f"scale {expected[0]:g} and zero point {expected[1]:g}, so that the device feeds raw - 128",
            do="this is a fault of the conversion; report it with the recipe",
        )
