"""Keras models into TFLite files, with the normalisation inside."""

import warnings
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import mlir_quantize
from tf_keras import Model, layers

from tasks.compression.file import File
from tasks.contracts.errors import ParamsError, StageError
from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.models.saving import Facts

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
    match recipe.precision:
        case "float32":
            return float32(model, facts)
        case "float16":
            return _convert(_float16(_raw(model, facts)))
        case "dynamic":
            return _convert(_optimized(_raw(model, facts)))
        case "int16x8":
            return _convert(_int16x8(_raw(model, facts), rows * np.float32(facts.std) + facts.mean))
        case "int8":
            return int8(model, facts, rows, recipe.float_layers)


def float32(model: Any, facts: Facts) -> bytes:
    """Convert to a file that takes raw pixels as float32 and gives probabilities."""
    return _convert(_raw(model, facts))


def normalised_float32(model: Any, facts: Facts) -> bytes:
    """Convert to a float file that takes normalised images: what an int8 file is compared to, layer by layer."""
    return _convert(_normalised(model, facts))


def int8(model: Any, facts: Facts, rows: Array, float_layers: list[str]) -> bytes:
    """Convert to an integer file that takes raw - 128 as int8 and gives int8; see `convert`.

    A quantization-aware model is given the representative rows too: without them its outputs would stay float.
    """
    converter = _optimized(_normalised(model, facts))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter.representative_dataset = lambda: ([row[np.newaxis]] for row in rows)
    content = _with_float_layers(converter, model, float_layers) if float_layers else _convert(converter)
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


def _optimized(converter: Any) -> Any:
    """Let a converter quantize the weights; without more, activations stay float (the dynamic range files)."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter


def _float16(converter: Any) -> Any:
    _optimized(converter).target_spec.supported_types = [tf.float16]
    return converter


def _int16x8(converter: Any, raw: Array) -> Any:
    operators = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    _optimized(converter).target_spec.supported_ops = [operators]
    converter.representative_dataset = lambda: ([row[np.newaxis]] for row in raw)
    return converter


def _convert(converter: Any) -> bytes:
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Statistics for quantized inputs"
        )  # the representative rows give them
        content: bytes = converter.convert()
    return content


def _with_float_layers(converter: Any, model: Any, float_layers: list[str]) -> bytes:
    """Quantize all but some layers: `QuantizationDebugger` does so too, on its way to what it debugs."""
    converter._experimental_calibrate_only = True
    calibrated = _convert(converter)
    content: bytes = mlir_quantize(
        calibrated, fully_quantize=True, denylisted_nodes=_nodes(File(calibrated), model, float_layers)
    )
    return content


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
