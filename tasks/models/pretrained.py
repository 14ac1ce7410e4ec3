"""Pretrained weights: their blocks of layers, weights put into them by name, files of PyTorch read without it.

Reads the format of `torch.save` before version 1.6: five pickles (a magic number, the format's version, the system, the
tensors, the keys of the storages), then each storage as its number of elements and their bytes.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

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


MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
DAMAGED = (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)


def read(path: Path) -> dict[str, Array]:
    """Return the tensors of a file by their names.

    Raises:
        DataError: there is no such file, it is damaged or of another format, or its pickle names anything but tensors.
    """
    try:
        return _tensors(io.BytesIO(path.read_bytes()))  # whole in memory: no size in it can ask for more
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from None
    except DAMAGED as error:
        raise _refused(path, f"{type(error).__name__}: {error}") from None


def _tensors(file: io.BytesIO) -> dict[str, Array]:
    magic, version, system = (_Tensors(file).load() for _ in range(3))
    if (magic, version) != (MAGIC, VERSION) or not system["little_endian"]:
        raise ValueError("not the format of torch.save before version 1.6")
    named, keys = _Tensors(file).load(), _Tensors(file).load()
    tensors = {name: tensor for name, tensor in named.items() if isinstance(tensor, _Tensor)}
    dtypes = {tensor.key: tensor.dtype for tensor in tensors.values()}
    storages = {key: _storage(file, dtypes[key]) for key in keys}
    return {name: tensor.filled(storages[tensor.key]) for name, tensor in tensors.items()}


def _storage(file: io.BytesIO, dtype: str) -> Array:
    count = int.from_bytes(file.read(8), "little")
    content = file.read(count * np.dtype(dtype).itemsize)
    values: Array = np.frombuffer(content, dtype)
    if len(values) != count:
        raise EOFError(f"{len(values)} of {count} values of a storage")
    return values


class _Tensor:
    """A tensor of which only the place in its storage is known; torch._utils._rebuild_tensor_v2 stands for it."""

    def __init__(
        self, storage: tuple[str, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
    ) -> None:
        self.dtype, self.key = storage
        self._offset, self._shape, self._strides = offset, shape, strides

    def filled(self, storage: Array) -> Array:
        """Return the tensor's values, (*shape): those that its strides pick out of the storage."""
        reach = zip(self._shape, self._strides, strict=True)
        last = self._offset + sum((size - 1) * stride for size, stride in reach)
        if min(self._offset, *self._strides, *self._shape, 0) < 0 or last >= len(storage):
            raise IndexError(f"a tensor up to value {last} of the {len(storage)} of its storage")
        strides = [stride * storage.itemsize for stride in self._strides]
        return np.lib.stride_tricks.as_strided(storage[self._offset :], self._shape, strides, writeable=False)


class _Tensors(pickle.Unpickler):
    """An unpickler to which a tensor, its storage and the dictionary of them are the only things that there are."""

    ADMITTED: dict[tuple[str, str], Any] = {  # noqa: RUF012
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle names, if it is admitted; nothing is imported."""
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if (module, name) not in self.ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no part of a tensor")
        return self.ADMITTED[module, name]

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        """Return the type and the key of a storage."""
        kind, dtype, key, *_ = pid
        if kind != "storage" or dtype not in DTYPES.values():
            raise pickle.UnpicklingError(f"{kind!r} of {dtype!r} where a storage of numbers should be")
        return dtype, key


def _refused(path: Path, reason: str) -> DataError:
    return DataError(
        got=f"{path}: {reason}",
        expected="a dictionary of tensors written by torch.save; no other code of a pickle is run",
        do="reinstall the locked version of the package that ships it: `make install`",
    )
