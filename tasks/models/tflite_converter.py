"""The TFLiteConverter: the one place that sets the precision of a conversion, whatever the model.

The converters themselves are made where the model is known: from a Keras model or from a SavedModel.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.convert_phase import ConverterError

from tasks.core.errors import DataError
from tasks.data.records import Array

# Yields the inputs of one row at a time: a list of arrays, or arrays by the names of the inputs.
Representative = Callable[[], Iterator[Any]]


def no_rows() -> Iterator[Any]:
    """Yield nothing: enough for the precisions whose activations stay float."""
    return iter(())


def one_by_one(rows: Array) -> Representative:
    """Return the representative data of a model with one input: each row as a batch of one, float32."""
    return lambda: ([row[np.newaxis].astype(np.float32)] for row in rows)


def to_tflite(
    converter: Any, precision: str, representative: Representative = no_rows, *, integer_ends: bool = False
) -> bytes:
    """Convert a model to a file of a precision; the same model and rows give equal bytes.

    Args:
        converter: a `tf.lite.TFLiteConverter`, as it was made.
        precision: float32, float16, dynamic, int8 or int16x8.
        representative: rows that fix the ranges of activations, for int8 and int16x8.
        integer_ends: whether an int8 file takes and gives int8; otherwise it takes and gives float32.

    Raises:
        DataError: an operator of the model has no form in that precision.
    """
    return _run(_configured(converter, precision, representative, integer_ends=integer_ends), precision)


def to_int8_but(converter: Any, representative: Representative, float_nodes: Callable[[bytes], list[str]]) -> bytes:
    """Convert to an int8 file that takes and gives int8, in which some operators stay float.

    TensorFlow has no public way to do so; its `QuantizationDebugger` does the same on its way to what it debugs.

    Args:
        converter: a `tf.lite.TFLiteConverter`, as it was made.
        representative: rows that fix the ranges of activations.
        float_nodes: returns the names of the operators that stay float; is given the calibrated float file.

    Raises:
        DataError: an operator of the model has no form in int8.
    """
    _configured(converter, "int8", representative, integer_ends=True)
    converter._experimental_calibrate_only = True
    calibrated = _run(converter, "int8")
    content: bytes = mlir_quantize(calibrated, fully_quantize=True, denylisted_nodes=float_nodes(calibrated))
    return content


def _configured(converter: Any, precision: str, representative: Representative, *, integer_ends: bool) -> Any:
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]  # alone it quantizes weights and no activations: dynamic
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision in {"int8", "int16x8"}:
        converter.representative_dataset = representative
        sets = tf.lite.OpsSet
        wide = sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [sets.TFLITE_BUILTINS_INT8 if precision == "int8" else wide]
    if precision == "int8" and integer_ends:
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter


def _run(converter: Any, precision: str) -> bytes:
    try:
        with warnings.catch_warnings():
            # It warns that a quantization-aware model has statistics of its own; the rows give those of the inputs.
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
            content: bytes = converter.convert()
    except (ConverterError, ValueError, RuntimeError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise DataError(
            got=f"{precision}: {lines[0][:200]}", expected="operators that TFLite supports in this precision",
            do="replace the layer that is named, or choose another precision",
        ) from None  # fmt: skip
    return content
