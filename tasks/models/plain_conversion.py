"""Keras models of any inputs into TFLite files that take one row at a time, their inputs by name."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
from tf_keras import Model, layers

from tasks.compression.equality import require_equal_outputs
from tasks.compression.finish.slim import slim
from tasks.contracts.errors import ParamsError
from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.data.columns import Dataset
from tasks.data.records import Columns
from tasks.models.tflite_converter import to_tflite

PROOF_ROWS = 100


def exported(model: Any, outputs: Any, recipe: Recipe, data: Dataset, inputs: tuple[str, ...], params: Export) -> bytes:
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
    rows = calibration(data, inputs, params)

    def representative() -> Iterator[dict[str, Any]]:
        for row in range(len(rows[inputs[0]])):
            yield {name: tf.constant(values[row : row + 1]) for name, values in rows.items()}

    content = to_tflite(tf.lite.TFLiteConverter.from_keras_model(single), recipe.precision, representative)
    for _ in recipe.finish:
        before, content = content, slim(content)
        require_equal_outputs(before, content, PROOF_ROWS, seed=0, given=_proof(rows))
    return content


def calibration(data: Dataset, inputs: tuple[str, ...], params: Export) -> Columns:
    """Return training rows of the columns that the model is fed."""
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
    if asked := [step.step for step in recipe.finish if step.step != "slim"]:
        raise ParamsError(got=f"finish: {', '.join(asked)}", expected="slim, or nothing", do="take the steps out")
    if recipe.float_layers:
        raise ParamsError(got="float_layers", expected="an empty list: only image files have them", do="empty it")
