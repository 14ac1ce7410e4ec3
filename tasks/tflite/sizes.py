"""The size of a `.tflite` file: on the device, on the way there."""

import io
import lzma
import math
import zipfile
from pathlib import Path

import numpy as np

from tasks.data.records import Array
from tasks.tflite.file import File, parts


def sizes(path: Path) -> dict[str, int]:
    """Return the file's raw bytes, those of its zip and xz, and the floor of a code of single values.

    Published "compressed sizes" of TFMOT are those of the zip (tensorflow/model-optimization, g3doc/guide/clustering).
    `entropy_bytes` is the order-0 entropy of the constants, each tensor by itself: a deflate that finds no repetition
    comes no lower.
    """
    content = path.read_bytes()
    return {
        "size_bytes": len(content),
        "zip_bytes": zip_bytes(content, path.name),
        "xz_bytes": len(lzma.compress(content)),
        "entropy_bytes": entropy_bytes(content),
    }


def zip_bytes(content: bytes, name: str = "model.tflite") -> int:
    """Return the size of a zip (deflate, default level) that holds the content alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return len(buffer.getvalue())


def entropy_bytes(content: bytes) -> int:
    """Return the order-0 entropy of all constants of known type, in bytes."""
    values = [value for part in parts(content) for value in _constants(File(part))]
    return math.ceil(sum(entropy(value) * value.size for value in values) / 8)


def entropy(values: Array) -> float:
    """Return the order-0 entropy of integers, in bits per value."""
    _, counts = np.unique(values, return_counts=True)
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0


def _constants(file: File) -> list[Array]:
    constants = {tensor.buffer: index for index, tensor in enumerate(file.tensors) if file.is_constant(index)}
    return [file.values(index) for index in constants.values() if file.dtype(index) is not None]
