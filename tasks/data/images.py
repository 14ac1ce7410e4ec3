"""Image files as arrays."""

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
