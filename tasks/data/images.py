"""Image files as arrays."""

from pathlib import Path

import numpy as np
from PIL import Image

from tasks.data.records import Array

UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow raises for bad files
MODES = {1: "L", 3: "RGB"}


def decode(path: Path, channels: int) -> Array:
    """Read an image file as (height, width, channels) of uint8."""
    with Image.open(path) as image:
        return np.asarray(image.convert(MODES[channels]), np.uint8).reshape(image.height, image.width, channels)
