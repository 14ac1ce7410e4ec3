"""Compression of a model in memory, without stages, params.yaml or DVC."""

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tf_keras
from pydantic import ValidationError

from tasks.compression.export import apply_finish
from tasks.compression.recipe import train
from tasks.core.errors import DataError, ParamsError
from tasks.core.isolation import RestartedProcess
from tasks.core.params.recipes import Recipe
from tasks.core.progress import say
from tasks.data.records import Array
from tasks.data.user_samples import MAX_CALIBRATION_ROWS, checked, digests, in_memory, require_fit
from tasks.models.learning_task import IMAGES, LearningTask
from tasks.models.plain_model import plain
from tasks.models.saving import ModelMetadata, image_metadata
from tasks.models.user_model import convert_saved, ends_in_softmax, logits_of

RAW_MAX = 255
WHERE = "compress"
CRASH_REMEDY = "choose another precision of the recipe: `dynamic` (int8 weights) needs no calibration"


class Rows(Protocol):
    """Samples: `tasks.data.user_samples.Samples`, or any object with these two.

    Attributes:
        x: (rows, ...) of float32, uint8 or int8, as the model takes them.
        y: class numbers, (rows,); None lets the model's own answers be the labels.
    """

    @property
    def x(self) -> Array: ...  # noqa: D102

    @property
    def y(self) -> Array | None: ...  # noqa: D102


@dataclass(frozen=True)
class Compressed:
    """What came of a model.

    Attributes:
        model: of tf_keras; it answers as the given one does, in logits or in probabilities.
        tflite: the file, finished.
    """

    model: Any
    tflite: bytes


def compress(model: Any, recipe: Recipe | dict[str, Any], samples: Rows) -> Compressed:
    """Apply a recipe to a tf_keras model; the given model stays as it is.

    A fifth of the samples, by their content, is validated on. Keep the rows apart that you will measure the result on.

    Example:
        >>> fit = {"epochs": 3, "batch_size": 32, "learning_rate": 1e-3, "patience": 3, "augment": None, "seed": 0}
        >>> prune = {"step": "prune", "schedule": "polynomial", "sparsity": 0.5, "layers": {},
        ...          "pattern": "unstructured", "distillation": None, "fit": fit}
        >>> recipe = {"steps": [prune], "precision": "int8", "float_layers": [], "finish": [{"step": "slim"}]}
        >>> compressed = compress(model, recipe, Samples(x, y))
        >>> Path("small.tflite").write_bytes(compressed.tflite)

    Args:
        model: one input of float32, (batch, ...), one output of logits or of a softmax, (batch, classes).
        recipe: as in `params.yaml` under `compress`; `float_layers` has to be empty.
        samples: to train, calibrate and validate on.

    Raises:
        DataError: the samples are not taken (see `tasks.data.user_samples.checked`), or the model is not.
        ParamsError: the recipe is not valid, or asks for what only images have.
        StageError: a step did not reach its target, or TensorFlow's converter crashed.
    """
    recipe = _recipe(recipe)
    model = _plain(model, np.shape(samples.x)[1:])
    shape, classes = _shapes(model)
    given = checked(np.asarray(samples.x), None if samples.y is None else np.asarray(samples.y), WHERE)
    require_fit(given, shape, classes, WHERE)
    if len(shape) != 3 and any(step.step != "re_estimate_batch_norm" and step.fit.augment for step in recipe.steps):
        raise ParamsError(
            got=f"augment for rows of {shape}", expected="null: only images can be augmented", do="set it to null"
        )
    x = given.x.astype(np.float32)
    labels = _answers(model, x) if given.y is None else given.y
    metadata, raw = _metadata(x, classes)
    data = in_memory(raw, labels, classes)
    softmax = ends_in_softmax(model)
    network, _, _ = train(logits_of(model), LearningTask(IMAGES, metadata), recipe, data, WHERE, lambda name: None)
    answering = tf_keras.Model(network.inputs, tf_keras.layers.Softmax()(network.outputs[0])) if softmax else network
    rows = x[np.unique(digests(x), return_index=True)[1]][:MAX_CALIBRATION_ROWS]
    with RestartedProcess(["tasks.models.user_model"], "the conversion", CRASH_REMEDY) as process:
        content = _converted(process, answering, recipe.precision, rows)
        finished = apply_finish(content, recipe, rows, lambda: _converted(process, answering, "float32", rows))
    return Compressed(answering, finished)


def _converted(process: RestartedProcess, model: Any, precision: str, rows: Array) -> bytes:
    """Convert a model that lives here in another process, which the converter may crash: this one may be a notebook."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*HDF5 file")  # chosen: quantization-aware models load from no other
        model.save(Path(folder) / "model.h5", include_optimizer=False)
        content: bytes = process.compute(convert_saved, Path(folder) / "model.h5", precision, rows)
    return content


def _recipe(recipe: Recipe | dict[str, Any]) -> Recipe:
    if isinstance(recipe, dict):
        try:
            recipe = Recipe.model_validate(recipe)
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
            raise ParamsError(
                got="a recipe with problems:\n  " + "\n  ".join(problems),
                expected="the keys of a recipe, each with a value of its type",
                do="docs/reference/params.md lists the keys",
            ) from None  # fmt: skip
    if recipe.float_layers:
        raise ParamsError(
            got=f"float_layers {recipe.float_layers}, which only an exported file can have", do="leave the list empty"
        )
    return recipe


def _plain(model: Any, row_shape: tuple[int, ...]) -> Any:
    """Return the model in a form that can be trained and converted, and say what was changed."""
    if not isinstance(model, tf_keras.Model) or not model.built:
        raise DataError(
            got=f"a {type(model).__module__}.{type(model).__name__}", expected="a built model of tf_keras (Keras 2)",
            do="build it with tf_keras; TFMOT refuses models of Keras 3",
        )  # fmt: skip
    if len(model.inputs or []) != 1:
        return model
    model, notes = plain(model, row_shape)
    for note in notes:
        say(f"{WHERE}: {note}")
    return model


def _shapes(model: Any) -> tuple[tuple[int, ...], int]:
    """Return the shape of a row and the number of classes."""
    shapes = [tuple(tensor.shape) for tensor in (*model.inputs, *model.outputs)]
    if len(shapes) != 2 or None in (*shapes[0][1:], *shapes[-1][1:]) or len(shapes[1]) != 2 or shapes[1][1] < 2:
        raise DataError(
            got=f"inputs and outputs of {shapes}", expected="one input (batch, ...) and one output (batch, classes)",
            do="compress a classifier with one input; `trimline squeeze` takes other models too",
        )  # fmt: skip
    return shapes[0][1:], shapes[1][1]


def _answers(model: Any, x: Array) -> Array:
    return np.asarray(model.predict(x, verbose=0).argmax(axis=1))


def _metadata(x: Array, classes: int) -> tuple[ModelMetadata, Array]:
    """Return rows in the unit of raw pixels, 0 to 255, and metadata that take them back to what the model takes.

    So the range of the input, which quantization-aware training does not learn, is that of the samples.
    """
    low, high = float(min(x.min(), 0)), float(max(x.max(), 0))
    std = RAW_MAX / (high - low)
    mean = round(-low * std)
    metadata = image_metadata([str(number) for number in range(classes)], x.shape[1:], mean, std)
    return metadata, (x * np.float32(std) + np.float32(mean)).astype(np.float32)
