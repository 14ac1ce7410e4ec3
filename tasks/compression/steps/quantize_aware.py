"""Quantization-aware training, int8 with per-channel scales (Jacob et al. 2017, arXiv:1712.05877), by TFMOT."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantize_configs,
    default_8bit_quantize_registry,
)
from tf_keras import Model, activations, backend, layers, models

from tasks.compression.steps import Training
from tasks.compression.steps.sparsity import (
    Levels,
    Projection,
    attach,
    bake,
    clusters_of,
    require_clusters,
    require_sparsity,
    sparsities_of,
    values_of,
    zeros_of,
)
from tasks.core.errors import StageError
from tasks.core.params.recipes import QuantizeAware
from tasks.core.progress import say
from tasks.data.records import Array
from tasks.models.layers import copy_of, kernels_of, per_layer
from tasks.models.saving import ModelMetadata
from tasks.models.training_loop import History

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
            expected="at least one layer such as a convolution or a dense layer",
            do="remove quantize_aware from the recipe: int8 quantizes after training",
        )
    annotated = models.clone_model(
        copy_of(model), clone_function=lambda layer: layer if layer.name in unmarked else _annotated(layer)
    )
    with tfmot.quantization.keras.quantize_scope():
        return tfmot.quantization.keras.quantize_apply(annotated)


def _annotated(layer: Any) -> Any:
    # TFMOT stops at an activation that it does not list, marked or not, unless it is configured to leave it alone.
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


# Layers that work alike on (batch, steps, channels) and (batch, 1, steps, channels).
ELEMENTWISE = (layers.BatchNormalization, layers.ReLU, layers.LeakyReLU, layers.Activation, layers.Dropout)
WITH_ACTIVATION = {layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Dense}


def rewritten(model: Any) -> Any:
    """Return a model of new layers with the same outputs at inference, and as few as can be that QAT refuses.

    - Conv1D and SeparableConv1D become those of 2D over one row, with what follows them, up to the first layer that
      needs the steps again.
    - An affine layer of images that nothing absorbs (Rescaling, Normalization, a batch norm that does not follow a
      convolution) becomes a depthwise 1x1 convolution; such a batch norm keeps the statistics that it has.
    - An activation that QAT cannot take inside a layer becomes a layer of its own.
    - Augmentation layers are left out: they do nothing at inference.

    Raises:
        StageError: a Lambda layer or a model within the model, which cannot be looked into.
    """
    for layer in model.layers:
        if isinstance(layer, layers.Lambda | Model):
            kind = "a Lambda layer" if isinstance(layer, layers.Lambda) else "a model within the model"
            raise StageError(
                got=f"{layer.name}, {kind}: quantization-aware training cannot look into it",
                expected="a model of plain Keras layers",
                do="build the model from Keras layers, or remove quantize_aware from the recipe",
            )
    copy = copy_of(model)
    return _Rewriting(copy).model() if any(map(_needs_rewriting, copy.layers)) else copy


def _needs_rewriting(layer: Any) -> bool:
    return _is_augmentation(layer) or _is_conv_1d(layer) or _is_affine(layer) or _has_odd_activation(layer)


def _is_augmentation(layer: Any) -> bool:
    return type(layer).__name__.startswith("Random")


def _is_conv_1d(layer: Any) -> bool:
    return type(layer) in {layers.Conv1D, layers.SeparableConv1D} and layer.data_format == "channels_last"


def _is_affine(layer: Any) -> bool:
    if isinstance(layer, layers.BatchNormalization):
        return list(layer.axis) == [3] and not is_folded(layer)
    is_affine = isinstance(layer, layers.Rescaling) or (isinstance(layer, layers.Normalization) and not layer.invert)
    return is_affine and len(layer.input_shape) == 4


def _has_odd_activation(layer: Any) -> bool:
    return type(layer) in WITH_ACTIVATION and not has_inner_activation(layer)


class _Rewriting:
    """A walk through a model's layers that builds another one beside it.

    `_tensors` holds the new tensor for each old one, by its id; `_lifted` those of (batch, steps, channels) that are
    (batch, 1, steps, channels) here.
    """

    def __init__(self, model: Any) -> None:
        self._old = model
        self._tensors: dict[int, Any] = {}
        self._lifted: dict[int, Any] = {}
        self._layers: dict[str, Any] = {}

    def model(self) -> Any:
        inputs = []
        for old in self._old.inputs:
            inputs.append(layers.Input(batch_shape=old.shape, dtype=old.dtype, name=old.node.layer.name))
            self._tensors[id(old)] = inputs[-1]
        for depth in sorted(self._old._nodes_by_depth, reverse=True):
            for node in self._old._nodes_by_depth[depth]:
                if not node.is_input:
                    self._visit(node)
        outputs = [self._new(old) for old in self._old.outputs]
        single = len(inputs) == len(outputs) == 1
        return Model(*(inputs + outputs if single else (inputs, outputs)), name=self._old.name)

    def _visit(self, node: Any) -> None:
        layer, old = node.layer, node.call_args[0] if node.call_args else None
        if _is_augmentation(layer):
            self._tensors[id(node.outputs)] = self._new(old)
        elif _is_conv_1d(layer):
            self._lifted[id(node.outputs)] = self._conv_2d(layer, old)
        elif isinstance(layer, ELEMENTWISE) and id(old) in self._lifted:
            axis = {"axis": [3]} if isinstance(layer, layers.BatchNormalization) else {}
            self._lifted[id(node.outputs)] = self._copy(layer, axis, self._lifted[id(old)])
        elif _is_affine(layer):
            self._tensors[id(node.outputs)] = _depthwise(layer, self._new(old))
        elif _has_odd_activation(layer):
            linear = self._copy(layer, {"activation": "linear"}, self._new(old))
            self._tensors[id(node.outputs)] = _activation(layer)(linear)
        else:
            args, kwargs = tf.nest.map_structure(self._new, (node.call_args, node.call_kwargs))
            outputs = self._copy(layer, {}, *args, **kwargs)
            for one, other in zip(tf.nest.flatten(node.outputs), tf.nest.flatten(outputs), strict=True):
                self._tensors[id(one)] = other

    def _new(self, old: Any) -> Any:
        """Return the new tensor for an old one; what is no tensor of the model stays as it is."""
        if not backend.is_keras_tensor(old):
            return old
        if id(old) not in self._tensors:
            lifted = self._lifted[id(old)]
            self._tensors[id(old)] = layers.Reshape((_unknown(old.shape[1]), old.shape[2]))(lifted)
        return self._tensors[id(old)]

    def _copy(self, layer: Any, changes: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return what a copy of a layer makes of new tensors; a layer that is used twice has one copy."""
        if layer.name not in self._layers:
            self._layers[layer.name] = type(layer).from_config(layer.get_config() | changes)
        outputs = self._layers[layer.name](*args, **kwargs)
        self._layers[layer.name].set_weights(layer.get_weights())
        return outputs

    def _conv_2d(self, layer: Any, old: Any) -> Any:
        lifted = self._lifted.get(id(old))
        if lifted is None:
            lifted = layers.Reshape((1, _unknown(old.shape[1]), old.shape[2]))(self._new(old))
        (size,), (dilation,) = layer.kernel_size, layer.dilation_rate
        if layer.padding == "causal":
            lifted = layers.ZeroPadding2D(((0, 0), (dilation * (size - 1), 0)))(lifted)
        outputs = (wide := _conv_2d_of(layer))(lifted)
        weights = layer.get_weights()
        wide.set_weights([kernel[np.newaxis] if kernel.ndim == 3 else kernel for kernel in weights])
        return outputs if has_inner_activation(layer) else _activation(layer)(outputs)


def _conv_2d_of(layer: Any) -> Any:
    """Return a convolution's like over rows of height 1; its weights are not set."""
    (size,), (stride,), (dilation,) = layer.kernel_size, layer.strides, layer.dilation_rate
    common = {
        "filters": layer.filters, "kernel_size": (1, size), "dilation_rate": (1, dilation), "name": layer.name,
        "padding": "valid" if layer.padding == "causal" else layer.padding, "use_bias": layer.use_bias,
        "activation": layer.activation if has_inner_activation(layer) else None,
    }  # fmt: skip
    if isinstance(layer, layers.SeparableConv1D):  # it takes equal strides only; there is one row
        return layers.SeparableConv2D(strides=stride, depth_multiplier=layer.depth_multiplier, **common)
    return layers.Conv2D(strides=(1, stride), groups=layer.groups, **common)


def _unknown(extent: int | None) -> int:
    return -1 if extent is None else extent


def _activation(layer: Any) -> Any:
    return layers.Activation(layer.activation, name=f"{layer.name}_activation")


def _depthwise(layer: Any, images: Any) -> Any:
    """Return what an affine layer makes of images, as a depthwise 1x1 convolution."""
    channels = images.shape[-1]
    scale, offset = (np.broadcast_to(np.reshape(part, -1), channels) for part in _scale_and_offset(layer))
    depthwise = layers.DepthwiseConv2D(1, name=layer.name)
    outputs = depthwise(images)
    depthwise.set_weights([scale.reshape(1, 1, channels, 1), offset])
    return outputs


def _scale_and_offset(layer: Any) -> tuple[Array, Array]:
    if isinstance(layer, layers.Rescaling):
        return np.asarray(layer.scale, np.float32), np.asarray(layer.offset, np.float32)
    if isinstance(layer, layers.Normalization):
        scale = 1 / np.maximum(np.sqrt(layer.variance), backend.epsilon())
        return scale, -np.asarray(layer.mean) * scale
    gamma = layer.gamma.numpy() if layer.scale else 1.0
    scale = gamma / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
    return scale, (layer.beta.numpy() if layer.center else 0.0) - layer.moving_mean.numpy() * scale


def quantize_aware(model: Any, params: QuantizeAware, training: Training) -> tuple[Any, History]:
    """Return a quantization-aware copy of `model`, and the history.

    Layers that TFMOT cannot take are rewritten as ones that it can; the others are said and quantized after training.
    The range of the input is not left to the rows that were seen: it is that of all raw values, 0 to 255.

    Raises:
        ParamsError: `params.layers` names a layer that the model lacks.
        StageError: the model has layers that nothing can be known of, or zeros or clusters were lost.
    """
    where = f"{training.name}-quantize_aware"
    network = rewritten(model)
    per_layer(network, params.weight_step, params.layers, "quantize_aware")
    aware = aware_copy_of(network, where)
    attach(aware, _projections(aware, params))
    history = training.run(aware, params)
    bake(aware)
    if "normalisation" in training.metadata.data:  # other kinds have no fixed range of raw values
        set_input_range(aware, training.metadata)
    if params.preserve_sparsity:
        require_sparsity(aware, sparsities_of(network), where)
    if params.preserve_clusters:
        require_clusters(aware, clusters_of(network), where)
    return aware, history


def _projections(aware: Any, params: QuantizeAware) -> dict[str, list[Projection]]:
    """Return what each kernel keeps; the pointwise half of a separable convolution has one of its own by now."""
    found: dict[str, list[Projection]] = {}
    for name, kernel in kernels_of(aware).items():
        step = params.layers.get(name, params.weight_step)
        keep = values_of if params.preserve_clusters else zeros_of if params.preserve_sparsity else None
        found[name] = [keep(kernel)] if keep else []
        found[name] += [Levels(step, per_channel=kernel.ndim == 4)] if step else []
    return found


def set_input_range(aware: Any, metadata: ModelMetadata) -> None:
    """Set the range of the layer that quantizes the input, where there is one, to that of all raw values."""
    bounds = {"min": -metadata.mean / metadata.std, "max": (255 - metadata.mean) / metadata.std}
    for layer in aware.layers:
        if type(layer).__name__ != "QuantizeLayer":
            continue
        for weight in layer.weights:
            for suffix, value in bounds.items():
                if weight.name.endswith(f"_{suffix}:0"):
                    weight.assign(value)
