"""Which layers quantization-aware training can take; the others are quantized after it, and named."""

from typing import Any

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantize_configs,
    default_8bit_quantize_registry,
)
from tf_keras import activations, layers, models

from tasks.compression.copies import copy_of
from tasks.contracts.errors import StageError
from tasks.contracts.progress import say

# What TFMOT quantizes as a layer of its own, and inside another layer.
LAYER_ACTIVATIONS = {"relu", "swish", "gelu", "relu6", "linear", "softmax", "sigmoid", "tanh"}
INNER_ACTIVATIONS = {"relu", "swish", "gelu", "linear", "softmax", "sigmoid", "tanh"}
FOLDED_INTO = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense, layers.SeparableConv2D)


def aware_copy_of(model: Any, where: str) -> Any:
    """Return a quantization-aware copy of `model`; layers that TFMOT cannot take are left as they are, and said.

    Raises:
        StageError: there is none.
    """
    refused = [layer for layer in model.layers if not is_supported(layer)]
    for layer in refused:
        say(f"{where}: {layer.name} ({type(layer).__name__}) is quantized after training, not in it")
    unmarked = {layer.name for layer in refused if not isinstance(layer, layers.Activation)}
    if all(isinstance(layer, layers.InputLayer) or layer in refused for layer in model.layers):
        raise StageError(
            got=f"{where}: no layer that quantization-aware training can take: {sorted(unmarked)}",
            expected="convolutions, dense layers and the like",
            do="take quantize_aware out of the recipe: int8 quantizes after training",
        )
    annotated = models.clone_model(
        copy_of(model), clone_function=lambda layer: layer if layer.name in unmarked else _annotated(layer)
    )
    with tfmot.quantization.keras.quantize_scope():
        return tfmot.quantization.keras.quantize_apply(annotated)


def _annotated(layer: Any) -> Any:
    # TFMOT stops at an activation that it does not list, marked or not, unless it is told to do nothing with it.
    # (Were its output quantized in training, the converter would refuse a Reshape after it: two scales for one tensor.)
    nothing = None if is_supported(layer) else default_8bit_quantize_configs.NoOpQuantizeConfig()
    return tfmot.quantization.keras.quantize_annotate_layer(layer, nothing)


def is_supported(layer: Any) -> bool:
    """Whether TFMOT can quantize this layer of a model where it stands."""
    if isinstance(layer, layers.InputLayer):
        return True
    if isinstance(layer, layers.BatchNormalization):
        return is_folded(layer)
    if isinstance(layer, layers.Activation):
        return layer.activation.__name__ in LAYER_ACTIVATIONS
    if isinstance(layer, layers.SeparableConv2D):
        return has_inner_activation(layer)
    return bool(default_8bit_quantize_registry.Default8BitQuantizeRegistry().supports(layer)) and has_inner_activation(
        layer
    )


def has_inner_activation(layer: Any) -> bool:
    """Whether the layer's own activation is one that TFMOT quantizes; most have none."""
    return getattr(layer, "activation", activations.linear).__name__ in INNER_ACTIVATIONS


def is_folded(norm: Any) -> bool:
    """Whether a batch normalisation directly follows a layer that it is folded into, and nothing else reads that."""
    node = norm.inbound_nodes[0]
    before = node.inbound_layers
    return (
        isinstance(before, FOLDED_INTO)
        and not isinstance(before, layers.Conv2DTranspose)
        and before.activation is activations.linear
        and len(before.outbound_nodes) == 1
    )
