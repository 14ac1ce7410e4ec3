"""Layers that quantization-aware training cannot take, as others that it can: the same function of the same weights."""

from typing import Any

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
from tf_keras import Model, backend, layers

from tasks.compression.annotating import has_inner_activation, is_folded
from tasks.compression.copies import copy_of
from tasks.contracts.errors import StageError
from tasks.data.records import Array

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
                do="write it with Keras layers, or take quantize_aware out of the recipe",
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
