"""Images as arrays: what a format reads of the settings, pixel statistics."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tasks.data.picture_files import DecodingParams
from tasks.data.picture_folders import FolderParams
from tasks.data.records import Array


class ImageParams(FolderParams, DecodingParams, Protocol):
    """What a format of images needs of the section `preprocess.<role>`.

    Attributes:
        shard_rows: how many rows are held at a time.
        attributes: the file that describes the rows, if there is one.
    """

    @property
    def shard_rows(self) -> int: ...  # noqa: D102
    @property
    def attributes(self) -> str | None: ...  # noqa: D102


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
