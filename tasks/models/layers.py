"""Layers of a Keras model: copies of them, kernels by the names of their layers.

These are Conv2D, Dense, Embedding and the pointwise half of SeparableConv1D; attention projections stay as they are.
"""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from collections.abc import Mapping
from typing import Any, TypeVar

from tf_keras import layers, models

from tasks.core.errors import ParamsError
from tasks.data.records import Array


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


# What a layer calls the weights that count as its kernel.
NAMES = {
    layers.Conv2D: "kernel", layers.Dense: "kernel", layers.Embedding: "embeddings",
    layers.SeparableConv1D: "pointwise_kernel",
}  # fmt: skip

Setting = TypeVar("Setting", int, float, float | None)


def without_wrapper(layer: Any) -> Any:
    """Return the layer inside one of TFMOT's wrappers, or the layer itself."""
    return getattr(layer, "layer", layer)


def has_kernel(layer: Any) -> bool:
    """Whether this layer has a kernel, wrapped or not; depthwise and transposed convolutions have none."""
    return type(without_wrapper(layer)) in NAMES


def kernels_of(model: Any) -> dict[str, Array]:
    """Return the kernels by the names of their layers, wrapped for quantization or not.

    A Conv2D has (height, width, inputs, outputs), a Dense (inputs, outputs), an Embedding (vocabulary, width), a
    SeparableConv1D (1, inputs, outputs).
    """
    return {
        without_wrapper(layer).name: weight.numpy()
        for layer in model.layers
        if has_kernel(layer)
        for weight in layer.weights
        if weight.name.rsplit("/", 1)[-1].startswith(f"{NAMES[type(without_wrapper(layer))]}:")
    }


def per_layer(model: Any, setting: Setting, overrides: Mapping[str, Setting], step: str) -> dict[str, Setting]:
    """Return the setting of each layer with a kernel.

    Raises:
        ParamsError: `overrides` names a layer that the model lacks.
    """
    names = list(kernels_of(model))
    if unknown := sorted(set(overrides) - set(names)):
        raise ParamsError(
            got=f"{step}: layers names {unknown}",
            expected=f"layers with a kernel: {', '.join(names)}",
            do="correct the names under `layers` of this step",
        )
    return {name: overrides.get(name, setting) for name in names}
