"""One function sets the precision of every conversion, whatever the model is and however it is given."""

from typing import Any

import numpy as np
import pytest

from tasks.core.errors import DataError
from tasks.tflite.file import File
from tests.tasks import tiny_files


def converter() -> Any:
    """A new converter of the network of digits, with one row at a time, as images are converted."""
    from tasks.models import conversion

    return conversion._normalised(tiny_files.network(), tiny_files.metadata())


def test_the_way_to_float_layers_quantizes_the_others_as_the_way_without() -> None:
    from tasks.models.tflite_converter import one_by_one, to_int8_but, to_tflite

    rows = one_by_one(tiny_files.calibration())
    file = to_tflite(converter(), "int8", rows, integer_ends=True)
    assert kernels(to_int8_but(converter(), rows, lambda _: [])) == kernels(file)


@pytest.mark.parametrize(("integer_ends", "expected"), [(True, np.int8), (False, np.float32)])
def test_an_int8_file_takes_integers_only_where_that_is_asked_for(integer_ends: bool, expected: Any) -> None:
    from tasks.models.tflite_converter import one_by_one, to_tflite

    file = File(to_tflite(converter(), "int8", one_by_one(tiny_files.calibration()), integer_ends=integer_ends))
    graph = file.model.subgraphs[0]
    assert {file.dtype(index) for index in [*graph.inputs, *graph.outputs]} == {np.dtype(expected)}


def test_images_and_models_of_ones_own_become_the_same_weights() -> None:
    from tasks.models import user_model

    rows = tiny_files.rows(0, 100)
    for precision in ("float16", "dynamic", "int16x8"):
        own = user_model.convert(tiny_files.network(), precision, rows)
        ours = tiny_files.all_precisions()[precision]
        assert kernels(own) == kernels(ours), precision


def kernels(content: bytes) -> list[bytes]:
    """The kernels of a file, as they are stored."""
    file = File(content)
    return [file.values(each.kernel).tobytes() for each in file.weighted()]


def test_an_operator_that_has_no_form_in_a_precision_is_refused_by_name() -> None:
    import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip
    import tensorflow as tf
    from tf_keras import Model, layers

    from tasks.models.tflite_converter import one_by_one, to_tflite

    given = layers.Input((4,), batch_size=1)
    model = Model(given, layers.Dense(2)(layers.Flatten()(layers.Embedding(10, 3)(given))))
    rows = one_by_one(np.arange(8).reshape(2, 4))
    with pytest.raises(DataError, match=r"int16x8: .*CAST"):
        to_tflite(tf.lite.TFLiteConverter.from_keras_model(model), "int16x8", rows)
