"""Picture files of 16 bits a channel, which Pillow does not write: PNG and TIFF by their specifications."""

import struct
import zlib
from typing import Literal

import numpy as np

from tasks.data.records import Array

PNG_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels: grey, grey and alpha, RGB, RGBA
SHORT, LONG = 3, 4


def png(image: Array, transparent: tuple[int, ...] | None = None) -> bytes:
    """(height, width, channels) of uint8 or uint16 as PNG; `transparent` is the colour that is."""
    height, width, channels = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8 * image.itemsize, PNG_TYPES[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(image.dtype.newbyteorder(">")).tobytes() for row in image)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    if transparent:
        parts.insert(1, (b"tRNS", struct.pack(f">{len(transparent)}H", *transparent)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_png_chunk, *zip(*parts, strict=True)))


def _png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def tiff(
    image: Array, order: Literal["<", ">"] = "<", *, deflate: bool = False, photometric: int | None = None,
    planes: bool = False, extra: int | None = None, signed: bool = False,
) -> bytes:  # fmt: skip
    """(height, width, channels) of uint8, uint16 or more as TIFF; `order` of the bytes is `<` or `>`."""
    height, width, channels = image.shape
    values = image.astype(image.dtype.newbyteorder(order))
    strips = [values[..., band].tobytes() for band in range(channels)] if planes else [values.tobytes()]
    photometric = (1 if channels < 3 else 2) if photometric is None else photometric
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    starts = np.cumsum([8, *map(len, strips)]).tolist()
    tags = {
        256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [8 * image.itemsize] * channels),
        259: (SHORT, [8 if deflate else 1]), 262: (SHORT, [photometric]),
        273: (LONG, starts[:-1]), 277: (SHORT, [channels]), 278: (LONG, [height]),
        279: (LONG, [len(strip) for strip in strips]), 284: (SHORT, [2 if planes else 1]),
        **({338: (SHORT, [extra])} if extra is not None else {}),
        **({339: (SHORT, [2] * channels)} if signed else {}),
    }  # fmt: skip
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}I", starts[-1]) + b"".join(strips) + _tiff_folder(tags, starts[-1], order)


def _tiff_folder(tags: dict[int, tuple[int, list[int]]], start: int, order: str) -> bytes:
    entries, beyond = b"", b""
    end = start + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        content = struct.pack(f"{order}{len(values)}{'H' if kind == SHORT else 'I'}", *values)
        if len(content) > 4:
            beyond, content = beyond + content, struct.pack(f"{order}I", end + len(beyond))
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + content.ljust(4, b"\0")
    return struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0) + beyond
