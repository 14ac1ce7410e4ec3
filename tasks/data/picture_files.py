"""Decoding of picture files, the same for training as for `predict`.

Pixels become 8 bits a channel, upright, opaque, grey or RGB. A colour profile is not applied. A file whose pixels have
no agreed meaning is refused by the name of its mode, as Pillow has it, and never guessed at.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from tasks.data import deep_pictures
from tasks.data.deep_pictures import BYTE, PictureError
from tasks.data.records import Array

IMAGE_SUFFIXES = {
    ".apng", ".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".pbm",
    ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
}  # fmt: skip
# What the content may be, whatever the suffix says. Pillow knows more, and starts other programs for some (EPS).
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
HEIF = "HEIF"
MODES = {1: "L", 3: "RGB"}
AGREED = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr"}
TURNED, FIRST, DEEP, TRANSPARENT = (
    "turned as EXIF says", "first of several frames", "more than 8 bits a channel", "transparent, laid over the ground",
)  # fmt: skip

Turn = Image.Transpose
UPRIGHT = {  # what undoes each orientation of EXIF
    2: Turn.FLIP_LEFT_RIGHT, 3: Turn.ROTATE_180, 4: Turn.FLIP_TOP_BOTTOM, 5: Turn.TRANSPOSE, 6: Turn.ROTATE_270,
    7: Turn.TRANSVERSE, 8: Turn.ROTATE_90,
}  # fmt: skip


class DecodingParams(Protocol):
    """What the settings of a line say of its files; a bundle takes it along.

    Attributes:
        image_shape: (height, width, channels) of the model's input; 1 channel for grey, 3 for RGB.
        value_max: the value that means white; of files of 16 bits where it is above 255.
        ground: (red, green, blue) to be seen where a picture is transparent.
        max_pixels: a picture of more is refused before any of them is decoded.
    """

    @property
    def image_shape(self) -> tuple[int, int, int]: ...  # noqa: D102
    @property
    def value_max(self) -> int: ...  # noqa: D102
    @property
    def ground(self) -> tuple[int, int, int]: ...  # noqa: D102
    @property
    def max_pixels(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Picture:
    """A decoded file.

    Attributes:
        pixels: (height, width, channels) of uint8.
        notes: what was done to it that its owner may want to know, such as `turned as EXIF says`.
    """

    pixels: Array
    notes: tuple[str, ...]


def decode(path: Path, params: DecodingParams) -> Picture:
    """Read a picture file; of several frames the first one.

    Raises:
        PictureError: it is no picture, damaged, too large, or its pixels have no agreed meaning.
    """
    with opened(path) as (file, image):
        _require_small(image, params.max_pixels)
        with damage_told():
            stored = deep_pictures.stored_as(image)
        notes = [FIRST] if getattr(image, "is_animated", False) else []
        turned = image.format == "TIFF" and _orientation(image) > 1  # Pillow turns these itself when it loads them
        with damage_told():
            image.load()
        orientation = _orientation(image)
        notes += [TURNED] if turned or orientation > 1 else []
        upright: Image.Image = image
        if stored:
            notes.append(DEEP)
            upright = deep_pictures.shallow(file, image, stored, params.value_max)
        elif image.mode not in AGREED:
            raise deep_pictures.without_meaning(image.mode)
        if orientation > 1:
            upright = upright.transpose(UPRIGHT[orientation])
        pixels = _pixels(upright, params, notes)
    return Picture(pixels, tuple(notes))


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, ImageFile.ImageFile]]:
    """Open a picture file: its header is read, its pixels are not.

    Raises:
        PictureError: it is no picture of a format that is read.
    """
    if not path.is_file():
        raise PictureError(f"unreadable: {'a folder' if path.is_dir() else 'no such file'}", "correct the path")
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of EXIF that it cannot read, of sizes that max_pixels allows
        with damage_told():
            is_heif = file.read(8)[4:] == b"ftyp"  # or AVIF, which Pillow reads itself
            file.seek(0)
            image = Image.open(file, formats=_with_heif() if is_heif else FORMATS)
        with image:
            yield file, image


@cache
def _with_heif() -> tuple[str, ...]:
    import pillow_heif  # a tenth of a second, for those who need it

    pillow_heif.register_heif_opener()
    return (*FORMATS, HEIF)


@contextmanager
def damage_told() -> Iterator[None]:
    """Tell whatever a decoder raises as one error: of what it makes of damaged bytes there is no list that ends."""
    try:
        yield
    except PictureError:
        raise
    except UnidentifiedImageError:
        formats = ", ".join((*FORMATS, HEIF))
        raise PictureError("unreadable: no image", f"correct the path; these are read: {formats}") from None
    except Image.DecompressionBombError as error:
        raise PictureError(f"too large: {error}", "shrink the picture") from None
    except Exception as error:
        do = "correct the path, or get the file from its source again"
        raise PictureError(f"unreadable: {error or type(error).__name__}", do) from None


def _require_small(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise PictureError(
            f"too large: {image.height}x{image.width} pixels, more than max_pixels, {max_pixels:,}",
            "shrink the picture; before training, preprocess.<role>.max_pixels can be raised",
        )


def _orientation(image: Image.Image) -> int:
    """Return the orientation that EXIF or XMP says; 1, upright, where it says none."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # EXIF that cannot be parsed says nothing, and the pixels are fine
        return 1
    return value if value in UPRIGHT else 1


def _pixels(image: Image.Image, params: DecodingParams, notes: list[str]) -> Array:
    """Return an upright picture as (height, width, channels), laid over the ground where one can see through it."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (BYTE, BYTE):
            notes.append(TRANSPARENT)
            image = Image.alpha_composite(Image.new("RGBA", image.size, (*params.ground, BYTE)), image)
    channels = params.image_shape[2]
    if image.mode != MODES[channels]:  # convert copies, and the picture may be as large as max_pixels allows
        image = image.convert(MODES[channels])
    return np.asarray(image, np.uint8).reshape(image.height, image.width, channels)
