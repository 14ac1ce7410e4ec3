"""Pretrained weights: their blocks of layers, weights put into them by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.core.errors import DataError, ParamsError
from tasks.data.records import Array

EPSILON = 1e-3
# Says nothing about the weights that are taken. TensorFlow's .99 needs thousands of steps to forget its start, and the
# same network trained from scratch beside it has hundreds.
MOMENTUM = 0.9
MIN_SIDE = 32


def normalised(inputs: Any, name: str) -> Any:
    """Add batch normalisation, named in full."""
    from tasks.models.quiet_tensorflow import layers

    return layers.BatchNormalization(epsilon=EPSILON, momentum=MOMENTUM, name=name)(inputs)


def relu6(inputs: Any, name: str) -> Any:
    """Add the ReLU that ends at 6, named in full."""
    from tasks.models.quiet_tensorflow import layers

    return layers.ReLU(6.0, name=name)(inputs)


def inverted_residual(
    inputs: Any, prefix: str, names: Mapping[str, str], *, size: int, channels: int, expansion: int, stride: int
) -> Any:
    """Add an inverted residual (Sandler et al. 2018): expand, if `expansion` is over 1, filter, project.

    Args:
        inputs: (batch, height, width, channels).
        prefix: of the names of all layers.
        names: of the three convolutions and their normalisations, by what they do; see the code.
        size: of the filters' sides.
        channels: that are given.
        expansion: channels in between, for each of the inputs'.
        stride: of the filters.
    """
    from tasks.models.quiet_tensorflow import layers

    outputs = inputs
    if expansion > 1:
        width = expansion * inputs.shape[-1]
        outputs = layers.Conv2D(width, 1, use_bias=False, name=prefix + names["expand"])(outputs)
        outputs = relu6(normalised(outputs, prefix + names["expand_norm"]), f"{prefix}expand_relu")
    filtered = layers.DepthwiseConv2D(size, stride, "same", use_bias=False, name=prefix + names["depthwise"])(outputs)
    outputs = relu6(normalised(filtered, prefix + names["depthwise_norm"]), f"{prefix}depthwise_relu")
    outputs = layers.Conv2D(channels, 1, use_bias=False, name=prefix + names["project"])(outputs)
    outputs = normalised(outputs, prefix + names["project_norm"])
    if stride == 1 and inputs.shape[-1] == channels:
        outputs = layers.Add(name=f"{prefix}add")([inputs, outputs])
    return outputs


def inverted_residual_types(prefix: str, names: Mapping[str, str], *, expands: bool, adds: bool) -> dict[str, str]:
    """Return the layers of an inverted residual.

    Args:
        prefix: of the names of all layers.
        names: see `inverted_residual`.
        expands: whether `expansion` is over 1.
        adds: whether the input is added: stride 1, and as many channels out as in.
    """
    norm, types = "BatchNormalization", {}
    if expands:
        types = {names["expand"]: "Conv2D", names["expand_norm"]: norm, "expand_relu": "ReLU"}
    types |= {names["depthwise"]: "DepthwiseConv2D", names["depthwise_norm"]: norm, "depthwise_relu": "ReLU"}
    types |= {names["project"]: "Conv2D", names["project_norm"]: norm} | ({"add": "Add"} if adds else {})
    return {f"{prefix}{name}": kind for name, kind in types.items()}


def logits(features: Any, num_classes: int) -> Any:
    """Add the head: the mean over all places, and one dense layer that starts at zero: it has no seed."""
    from tasks.models.quiet_tensorflow import layers

    pooled = layers.GlobalAveragePooling2D(name="pool")(features)
    return layers.Dense(num_classes, kernel_initializer="zeros", name="logits")(pooled)


def require_colour(shape: tuple[int, ...], name: str) -> None:
    """Make sure that images are what the weights were trained on.

    Raises:
        ParamsError: they are grey, or smaller than the network's five halvings allow.
    """
    height, width, channels = shape
    if channels != 3 or min(height, width) < MIN_SIDE:
        raise ParamsError(
            got=f"preprocess.<role>.image_shape: [{height}, {width}, {channels}] for {name}",
            expected=f"[height, width, 3], both sides at least {MIN_SIDE}: the weights are for colour images",
            do="set image_shape to that, or train.architecture to conv_net",
        )


def fill(model: Any, weights: Mapping[str, Array], path: Path) -> None:
    """Put weights into all layers but the head, by the names that Keras gives them.

    Raises:
        DataError: one is missing, or of another shape.
    """
    for variable in (variable for layer in model.layers[:-1] for variable in layer.weights):
        value = weights.get(variable.name)
        if value is None or value.shape != tuple(variable.shape):
            found = "no weight" if value is None else f"a weight of {value.shape}"
            raise DataError(
                got=f"{path}: {found} for {variable.name}",
                expected=f"a weight of {tuple(variable.shape)}",
                do=f"use the weights of {model.name}, as the documentation of train.architecture says",
            )
        variable.assign(value)
