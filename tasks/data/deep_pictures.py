"""Picture files with more than 8 bits a channel, scaled to 8."""

import sys
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile

from tasks.data.records import Array

BYTE, WORD = 255, 65_535
TWELVE_BITS = 4095
# Where no value is above it, the two highest of 16 bits are not used: 14 bits or fewer, most likely.
FEWER_BITS = 16_383
TWIN = WORD // BYTE  # 16 bits that were made of 8 are multiples of it

# Pillow has no mode for several channels of 16 bits: of each value it keeps the high byte. Read once more as if the
# bytes were in the other order, it keeps the low byte. `N` is the order of this machine, in which libtiff gives them.
OTHER = "B" if sys.byteorder == "little" else "L"
CHANNELS = ("RGB", "RGBA", "RGBX", "CMYK")
LOW_BYTES = {
    f"{channels};16{order}": f"{channels};16{other}"
    for channels in CHANNELS
    for order, other in (("L", "B"), ("B", "L"), ("N", OTHER))
}
GREY = {"I;16", "I;16B", "I;16N", "I;12"}
GREY_WITH_ALPHA = "LA;16B"

# Tags of TIFF
BITS_PER_SAMPLE, PHOTOMETRIC, PLANES, SAMPLE_FORMAT = 258, 262, 284, 339
WHITE_IS_ZERO, APART, UNSIGNED = 0, 2, {1, 4}  # 4: undefined, which is read as unsigned


class PictureError(ValueError):
    """A file that is no picture, is damaged, too large, or has pixels without an agreed meaning.

    Attributes:
        do: what its owner can do.
    """

    def __init__(self, reason: str, do: str) -> None:
        super().__init__(reason)
        self.do = do


def without_meaning(mode: str, why: str = "its values have no agreed white") -> PictureError:
    """The refusal of a mode."""
    return PictureError(f"mode {mode}: {why}", "save it with 8 bits a channel, 255 for white")


@dataclass(frozen=True)
class Stored:
    """How a file holds its pixels.

    Attributes:
        mode: that people know it by, with the bits.
        raw: what Pillow calls the order of the bytes.
        white: what the file itself says is white, None where it does not.
        inverted: whether 0 is white.
    """

    mode: str
    raw: str
    white: int | None = None
    inverted: bool = False


def stored_as(image: ImageFile.ImageFile) -> Stored | None:
    """Describe a file that is opened and not loaded yet; None where it has 8 bits a channel or fewer, and no sign.

    Raises:
        PictureError: it has more, and their meaning is not known.
    """
    if image.format == "PPM":  # such a file says what is white, and Pillow scales that to 16 bits
        return Stored("I", "I", WORD) if image.mode == "I" else None
    if image.format == "PNG" and image.tile:
        raw = str(_arguments(image)[0])
        return Stored(f"{image.mode}, 16 bits", raw) if ";16" in raw else None
    return _of_tiff(image) if image.format == "TIFF" else None


def _of_tiff(image: ImageFile.ImageFile) -> Stored | None:
    tags = image.tag_v2  # type: ignore[attr-defined]
    bits, signs = max(_all(tags.get(BITS_PER_SAMPLE, 1))), set(_all(tags.get(SAMPLE_FORMAT, 1)))
    if not signs <= UNSIGNED:
        raise without_meaning(image.mode)
    if bits <= 8:
        return None
    raw = str(_arguments(image)[0])
    if (tags.get(PLANES) == APART and len(image.getbands()) > 1) or raw not in {*GREY, *LOW_BYTES}:
        raise without_meaning(f"{image.mode}, {bits} bits", "channels that are stored in this way cannot be read")
    white = TWELVE_BITS if bits == 12 else None
    return Stored(f"{image.mode}, {bits} bits", raw, white, inverted=tags.get(PHOTOMETRIC) == WHITE_IS_ZERO)


def _arguments(image: ImageFile.ImageFile) -> tuple[Any, ...]:
    """Return what the decoder of the pixels is told, the order of the bytes first."""
    found = image.tile[0].args if image.tile else None
    return found if isinstance(found, tuple) else (found,)


def _all(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def shallow(file: BinaryIO, image: ImageFile.ImageFile, stored: Stored, value_max: int) -> Image.Image:
    """Return a loaded picture with 8 bits a channel.

    Args:
        file: that it was read from.
        image: the picture.
        stored: how the file holds it.
        value_max: the value that means white, where that is above 255.

    Raises:
        PictureError: what means white is not known, or there are values above it.
    """
    bands, values = _values(file, image, stored)
    has_alpha = bands.endswith("A")
    colours = values[..., :-1] if has_alpha else values
    white = _white(colours, stored, value_max, has_alpha)
    found = _table(white)[white - colours if stored.inverted else colours]
    if has_alpha:
        found = np.concatenate([found, _table(WORD)[values[..., -1:]]], axis=-1)
    return Image.frombytes(bands, image.size, found.tobytes())


def _table(white: int) -> Array:
    """Return what each value of 16 bits is in 8."""
    table: Array = np.rint(np.arange(WORD + 1) * (BYTE / white)).clip(0, BYTE).astype(np.uint8)
    return table


def _white(colours: Array, stored: Stored, value_max: int, has_alpha: bool) -> int:
    if stored.white is not None:
        return stored.white
    highest = int(colours.max())
    if value_max > BYTE:
        if has_alpha and value_max < WORD:
            raise without_meaning(stored.mode, f"value_max, {value_max}, does not say how opaque it is")
        if highest > value_max or value_max > WORD:
            raise PictureError(
                f"mode {stored.mode}: a value of {highest} and value_max is {value_max}",
                "correct preprocess.<role>.value_max, the value that means white, or scale the picture to 8 bits",
            )
        return value_max
    if highest <= FEWER_BITS and (colours % TWIN).any():
        raise PictureError(
            f"mode {stored.mode}: no value is above {highest}, so that it would be dark; preprocess.<role>.value_max "
            f"says which value means white, such as {(1 << highest.bit_length()) - 1} or {WORD}",
            "scale its values so that white is 255, and save it with 8 bits a channel",
        )
    return WORD


def _values(file: BinaryIO, image: ImageFile.ImageFile, stored: Stored) -> tuple[str, Array]:
    """Return the names of the channels, and their values, (height, width, channels) of uint16."""
    if stored.raw == GREY_WITH_ALPHA:
        parts = _read_again(file, image, "RGBA").astype(np.uint16)
        return "LA", parts[..., ::2] << 8 | parts[..., 1::2]  # all four bytes of a pixel
    if stored.raw in LOW_BYTES:
        low = _read_again(file, image, LOW_BYTES[stored.raw])
        bands, values = image.mode, np.asarray(image).astype(np.uint16)
        values <<= 8  # in place: a picture may be as large as max_pixels allows
        values |= low
    else:
        bands, values = "L", np.asarray(image).astype(np.uint16)[..., np.newaxis]
    clear = image.info.get("transparency")  # of PNG: the colour that is transparent
    if clear is None or bands not in {"L", "RGB"}:
        return bands, values
    alpha = (values != np.array(clear, np.uint16)).any(axis=-1, keepdims=True)
    return bands + "A", np.concatenate([values, alpha * np.uint16(WORD)], axis=-1)


def _read_again(file: BinaryIO, image: ImageFile.ImageFile, raw: str) -> Array:
    """Load a file with its bytes taken for another order."""
    file.seek(0)
    with Image.open(file, formats=[str(image.format)]) as again:
        tiles = again.tile
        again.tile = [
            tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw) for tile in tiles
        ]
        return np.array(again)
