"""Conversion of Keras models to TFLite files, with the calibration set that fixes the ranges of int8."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tf_keras import Model, layers

from tasks.core.errors import DataError, ParamsError, StageError
from tasks.core.params.recipes import PLAIN_PRECISIONS, Recipe
from tasks.core.params.sections import Export
from tasks.data.columns import Dataset
from tasks.data.records import Array, Columns
from tasks.data.tables import FEATURES
from tasks.models.learning_task import KerasModel
from tasks.models.saving import ModelMetadata
from tasks.models.tflite_converter import no_rows, one_by_one, to_int8_but, to_tflite
from tasks.tflite.file import File
from tasks.tflite.slim import require_equal_outputs, slim

RAW_MAX = 255
INT8_OFFSET = 128


def convert(model: Any, metadata: ModelMetadata, recipe: Recipe, rows: Array) -> bytes:
    """Convert to the file of a recipe's precision; its outputs are probabilities.

    An int8 file takes raw - 128 as int8, every other raw pixels as float32.

    Args:
        model: gives logits for normalised images.
        metadata: of the model.
        recipe: its `precision` and `float_layers` count.
        rows: normalised images, as `calibration` returns them.

    Raises:
        ParamsError: `float_layers` names what the model does not have.
        StageError: an int8 file's input is not raw - 128.
    """
    if recipe.precision == "int8":
        return int8(model, metadata, rows, recipe.float_layers)
    wide = recipe.precision == "int16x8"
    representative = one_by_one(rows * np.float32(metadata.std) + metadata.mean) if wide else no_rows
    return to_tflite(_raw(model, metadata), recipe.precision, representative)


def float32(model: Any, metadata: ModelMetadata) -> bytes:
    """Convert to a file that takes raw pixels as float32 and gives probabilities."""
    return to_tflite(_raw(model, metadata), "float32")


def normalised_float32(model: Any, metadata: ModelMetadata) -> bytes:
    """Convert to a float file that takes normalised images: what an int8 file is compared to, layer by layer."""
    return to_tflite(_normalised(model, metadata), "float32")


def int8(model: Any, metadata: ModelMetadata, rows: Array, float_layers: list[str]) -> bytes:
    """Convert to an integer file that takes raw - 128 as int8 and gives int8; see `convert`.

    A quantization-aware model is given the representative rows too: without them its outputs would stay float.
    """
    converter, representative = _normalised(model, metadata), one_by_one(rows)
    if float_layers:
        content = to_int8_but(converter, representative, lambda file: _nodes(File(file), model, float_layers))
    else:
        content = to_tflite(converter, "int8", representative, integer_ends=True)
    _require_raw_input(content, metadata)
    return content


def calibration(data: Dataset, metadata: ModelMetadata, params: Export) -> Array:
    """Return the calibration set: normalised rows of the training split alone, (rows, ...) of float32.

    In the first, two corner pixels are set to black and white: the range of the input is that of all raw values,
    whichever rows were drawn.
    """
    images = data.column("train", "image")
    count = min(params.calibration_rows, len(images))
    rows = np.sort(np.random.default_rng(params.seed).choice(len(images), count, replace=False))
    chosen = images.take(rows)
    chosen[0, 0, 0], chosen[0, -1, -1] = 0, RAW_MAX
    normalised: Array = (chosen.astype(np.float32) - np.float32(metadata.mean)) / np.float32(metadata.std)
    return normalised


def _raw(model: Any, metadata: ModelMetadata) -> Any:
    raw = layers.Input(metadata.image_shape, name="image")
    normalised = layers.Rescaling(1 / metadata.std, -metadata.mean / metadata.std, name="rescaling")(raw)
    return tf.lite.TFLiteConverter.from_keras_model(_with_probabilities(raw, model(normalised)))


def _normalised(model: Any, metadata: ModelMetadata) -> Any:
    normalised = layers.Input(metadata.image_shape, name="image")
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


def _require_raw_input(content: bytes, metadata: ModelMetadata) -> None:
    """A mean of half a raw value gives the nearest whole zero point: the device's raw - 128 is then half a step off."""
    file = File(content)
    given = file.model.subgraphs[0].inputs[0]
    scale, zero_point = (float(values[0]) for values in file.scales(given))
    expected = 1 / metadata.std, metadata.mean - INT8_OFFSET
    if abs(zero_point - expected[1]) > 0.5 or abs(scale / expected[0] - 1) > 1e-5:
        raise StageError(
            got=f"an input of scale {scale:g} and zero point {zero_point:g}",
            expected=f"scale {expected[0]:g} and zero point {expected[1]:g}, so that the device feeds raw - 128",
            do="this is a fault of Trimline: report it with the recipe",
        )


PROOF_ROWS = 100


def to_plain_tflite(
    model: Any, outputs: Any, recipe: Recipe, data: Dataset, inputs: tuple[str, ...], params: Export
) -> bytes:
    """Convert a model to the file of a recipe and apply its finish; the same input gives equal bytes.

    Args:
        model: takes its inputs, in the order of `inputs`, as they are on disk.
        outputs: makes what the file gives of what the model gives, such as a softmax layer; None changes nothing.
        recipe: its `precision` and `finish` count. Integer files take and give float32 and whole numbers as they are.
        data: training rows calibrate.
        inputs: names of columns.
        params: of the calibration.

    Raises:
        ParamsError: the recipe asks for what only image files have.
        DataError: an operator of the model has no form in that precision.
    """
    require_plain(recipe)
    given = [
        layers.Input(tensor.shape[1:], batch_size=1, dtype=tensor.dtype, name=name)
        for name, tensor in zip(inputs, model.inputs, strict=True)
    ]
    answer = model(given if len(given) > 1 else given[0])
    single = Model(given, answer if outputs is None else outputs(answer), name="model")
    rows = plain_calibration(data, inputs, params)

    def representative() -> Iterator[dict[str, Any]]:
        for row in range(len(rows[inputs[0]])):
            yield {name: tf.constant(values[row : row + 1]) for name, values in rows.items()}

    content = to_tflite(tf.lite.TFLiteConverter.from_keras_model(single), recipe.precision, representative)
    for _ in recipe.finish:
        before, content = content, slim(content)
        require_equal_outputs(before, content, PROOF_ROWS, seed=0, given=_proof(rows))
    return content


def plain_calibration(data: Dataset, inputs: tuple[str, ...], params: Export) -> Columns:
    """Return the calibration set of models that are fed other columns than an image: training rows of `inputs`."""
    available = data.rows("train")
    count = min(params.calibration_rows, available)
    rows = np.sort(np.random.default_rng(params.seed).choice(available, count, replace=False))
    return {name: data.column("train", name).take(rows) for name in inputs}


def _proof(rows: Columns) -> list[Columns]:
    count = len(next(iter(rows.values())))
    return [{name: values[row : row + 1] for name, values in rows.items()} for row in range(min(count, PROOF_ROWS))]


def require_plain(recipe: Recipe) -> None:
    """Refuse what only image files have.

    Raises:
        ParamsError: the recipe asks for it.
    """
    if steps := [step.step for step in recipe.finish if step.step != "slim"]:
        raise ParamsError(got=f"finish: {', '.join(steps)}", expected="slim, or no finish", do="remove the steps")
    if recipe.float_layers:
        raise ParamsError(got="float_layers in a recipe that is not for images", do="leave the list empty")


def exported(
    model: KerasModel, outputs: KerasModel, metadata: ModelMetadata, recipe: Recipe, data: Dataset, params: Export
) -> bytes:
    """Convert a model to the file of a recipe; see `plain_conversion.exported`.

    Raises:
        ParamsError: the recipe asks for inputs of less than 32 bits.
        DataError: the model was made for another table than `data`.
    """
    if recipe.precision not in PLAIN_PRECISIONS:
        raise ParamsError(
            got=f"precision: {recipe.precision}", expected=" or ".join(PLAIN_PRECISIONS),
            do="choose dynamic (int8 weights): raw numbers and the bounds of their bins lose too much in fewer bits",
        )  # fmt: skip
    if metadata.data["table"] != data.metadata["table"]:
        raise DataError(
            got="a model of other columns, categories or ranges than the target's",
            expected="the columns, categories and ranges that the model was trained on",
            do="give base and target the same data, with fine_tune: null",
        )  # fmt: skip
    return to_plain_tflite(model, outputs, recipe, data, (FEATURES,), params)
