"""Images as arrays: decoding, pixel statistics."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from tasks.data.records import Array

UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow raises for bad files
MODES = {1: "L", 3: "RGB"}


class ImageParams(Protocol):
    """What a format of images needs of the section `preprocess.<role>`.

    Attributes:
        image_shape: (height, width, channels) that images are brought to.
        shard_rows: how many rows are held at a time.
        attributes: the file that describes the rows, if there is one.
    """

    @property
    def image_shape(self) -> tuple[int, int, int]: ...  # noqa: D102
    @property
    def shard_rows(self) -> int: ...  # noqa: D102
    @property
    def attributes(self) -> str | None: ...  # noqa: D102


def decode(path: Path, channels: int) -> Array:
    """Read an image file as (height, width, channels) of uint8."""
    with Image.open(path) as image:
        return np.asarray(image.convert(MODES[channels]), np.uint8).reshape(image.height, image.width, channels)


AT_ONCE = 1 << 16  # pixels: the sum of their squares fits into 32 bits


@dataclass(frozen=True)
class Sums:
    """Of all pixels of some images.

    Attributes:
        pixels: how many.
        total: sum of their values.
        squares: sum of the squares of these.
    """

    pixels: int
    total: int
    squares: int


def sums_of(images: Array) -> Sums:
    """Sum up images, (rows, height, width, channels) of uint8."""
    flat, total, squares = images.reshape(-1), 0, 0
    for start in range(0, len(flat), AT_ONCE):
        few = flat[start : start + AT_ONCE]
        total += int(few.sum(dtype=np.uint32))
        squares += int(np.square(few, dtype=np.uint16).sum(dtype=np.uint32))
    return Sums(len(flat), total, squares)


def normalisation(parts: Iterable[Sums]) -> dict[str, float]:
    """Return mean and standard deviation of all pixels.

    The mean is rounded to a whole pixel value: with scale 1/std an int8 input then has a whole zero point, so that the
    device feeds `raw - 128` and no operator is added for it.
    """
    sums = [(part.pixels, part.total, part.squares) for part in parts]
    count, total, squares = (sum(column) for column in zip(*sums, strict=True))
    variance = squares / count - (total / count) ** 2
    return {"mean": round(total / count), "std": round(variance**0.5, 6)}
