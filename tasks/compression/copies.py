"""TFMOT's wrappers share layers with the model that they are given: every branch starts from a copy."""

from typing import Any

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from tf_keras import models


def copy_of(model: Any) -> Any:
    """Return a model of new layers with the same weights."""
    copy = models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def copy_with_weights_of(stripped: Any, model: Any) -> Any:
    """Return a copy of `model` with the weights that the layers of the same names have in `stripped`.

    What TFMOT strips still holds parts of its wrappers, and saves a file that may load as something else.
    """
    copy = models.clone_model(model)
    for layer in copy.layers:
        layer.set_weights(stripped.get_layer(layer.name).get_weights())
    return copy
