"""Models of users, from untrusted files, with their conversion."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras

from tasks.data.records import Array
from tasks.models.layers import copy_of
from tasks.models.tflite_converter import one_by_one, to_tflite
from tasks.models.untrusted_files import (
    EXPORT,
    refused,
    require_safe_archive,
    require_safe_h5,
    require_safe_saved_model,
)

FORMATS = "an .h5 file, a .keras file of tf_keras, or the folder of a SavedModel"


@dataclass(frozen=True)
class UserModel:
    """A model as its file has it.

    Attributes:
        path: of the file or folder.
        model: of tf_keras, with its outputs as they are; None for a SavedModel, which is converted as it is.
        softmax: whether the model ends in a softmax, so that its outputs are probabilities; None where only
            measuring can tell.
    """

    path: Path
    model: Any | None
    softmax: bool | None

    def convert(self, precision: str, rows: Array) -> bytes:
        """Convert the model to a file of a precision; see `convert`."""
        if self.model is not None:
            return convert(self.model, precision, rows)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(self.path))
        return to_tflite(converter, precision, one_by_one(rows), integer_ends=True)


def load_user_model(path: Path) -> UserModel:
    """Load a model without running code of its file.

    Raises:
        DataError: there is no such file, it cannot be read, it is of Keras 3, or it would run code: pickles, Lambda
            layers, custom classes, operators of Python or of files. Or it has several inputs or outputs.
    """
    if path.is_dir():
        require_safe_saved_model(path)
        return UserModel(path, None, None)
    if not path.is_file():
        raise refused(path, "no such file", FORMATS, "correct the path")
    if path.suffix in {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".npy", ".npz"}:
        raise refused(
            path, f"a {path.suffix} file: it holds no Keras model, or runs code when it is read", FORMATS, EXPORT
        )
    if path.suffix not in {".h5", ".hdf5", ".keras"}:
        raise refused(path, f"a file of type {path.suffix or 'unknown'!r}", f"{FORMATS}, or a .tflite file")
    (require_safe_archive if path.suffix == ".keras" else require_safe_h5)(path)
    try:
        model = tf_keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise refused(path, f"{type(error).__name__}: {reason}", "a model that tf_keras can load") from None
    counts = len(model.inputs or []), len(model.outputs or [])
    if counts != (1, 1):
        raise refused(
            path, f"{counts[0]} inputs and {counts[1]} outputs", "one input and one output", "split the model"
        )
    return UserModel(path, model, ends_in_softmax(model))


def ends_in_softmax(model: Any) -> bool:
    """Whether the last layer of a model gives probabilities."""
    last = last_layer(model)
    return isinstance(last, tf_keras.layers.Softmax) or (
        getattr(last, "activation", None) is tf_keras.activations.softmax
    )


def last_layer(model: Any) -> Any:
    """Return the layer whose output is the model's."""
    return model.outputs[0]._keras_history.layer


def logits_of(model: Any) -> Any:
    """Return a copy of a model without the softmax that it ends in, if it does: training and conversion take logits."""
    copy = copy_of(model)
    if not ends_in_softmax(copy):
        return copy
    last = last_layer(copy)
    if isinstance(last, tf_keras.layers.Softmax | tf_keras.layers.Activation):
        return tf_keras.Model(copy.inputs, last.input)
    last.activation = tf_keras.activations.linear
    return copy_of(copy)  # cloned from its config, so that the graph has no softmax either


def convert(model: Any, precision: str, rows: Array) -> bytes:
    """Convert a tf_keras model to a file that takes one row at a time, with inputs and outputs as they are.

    Args:
        model: with one input, float32.
        precision: float32, float16, dynamic, int8 (inputs and outputs too, their scales stand in the file) or int16x8.
        rows: calibration rows, (rows, ...) of float32, for the integer precisions.

    Raises:
        DataError: an operator of the model has no form in that precision.
    """
    given = tf_keras.Input(model.inputs[0].shape[1:], batch_size=1, dtype=model.inputs[0].dtype, name="input")
    single = tf_keras.Model(given, model(given))  # a batch of unknown size would add operators
    converter = tf.lite.TFLiteConverter.from_keras_model(single)
    return to_tflite(converter, precision, one_by_one(rows), integer_ends=True)
