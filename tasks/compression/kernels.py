"""The kernels that are pruned, clustered and quantized coarsely: those of Conv2D and Dense layers, by layer name."""

from collections.abc import Mapping
from typing import Any, TypeVar

import tasks.models  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from tf_keras import layers

from tasks.contracts.errors import ParamsError
from tasks.data.records import Array

Setting = TypeVar("Setting", int, float, float | None)


def without_wrapper(layer: Any) -> Any:
    """Return the layer inside one of TFMOT's wrappers, or the layer itself."""
    return getattr(layer, "layer", layer)


def has_kernel(layer: Any) -> bool:
    """Whether this is a Conv2D or Dense layer, wrapped or not; depthwise and transposed convolutions are none."""
    return type(without_wrapper(layer)) in {layers.Conv2D, layers.Dense}


def kernels_of(model: Any) -> dict[str, Array]:
    """Return the kernels by the names of their layers, wrapped for quantization or not.

    A Conv2D has (height, width, inputs, outputs), a Dense (inputs, outputs).
    """
    return {
        without_wrapper(layer).name: weight.numpy()
        for layer in model.layers
        if has_kernel(layer)
        for weight in layer.weights
        if weight.name.rsplit("/", 1)[-1].startswith("kernel:")
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
