"""TFMOT's wrappers share layers with the model that they are given: every branch starts from a copy."""

from typing import Any

from tf_keras import models


def copy_of(model: Any) -> Any:
    """Return a model of new layers with the same weights."""
    copy = models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy
