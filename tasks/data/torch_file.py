"""Files of `torch.save`, the format before PyTorch 1.6, read without PyTorch.

Such a file is five pickles (a magic number, the format's version, the system, the tensors, the keys of the storages),
then each storage as its number of elements and their bytes.
"""

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import DataError
from tasks.data.records import Array

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
