"""Images: what may be wrong with one, and how a good one becomes the uint8 array that the model is fed."""

from collections.abc import Iterable

import numpy as np
from PIL import Image

from tasks.contracts.errors import DataError
from tasks.contracts.params import Preprocess
from tasks.data.records import Array, BadRow, Chunk
from tasks.data.schema import ImageSchema, Range


def observe(chunks: Iterable[Chunk], kind: str, params: Preprocess) -> ImageSchema:
    """Describe the readable rows.

    Raises:
        DataError: no row could be read, or fewer than two classes are there.
    """
    heights, widths, lows, highs, classes, dtype = set[int](), set[int](), [], [], set[str](), "uint8"
    for chunk in chunks:
        if len(chunk.images):
            heights.add(chunk.images.shape[1])
            widths.add(chunk.images.shape[2])
            lows.append(float(np.nanmin(chunk.images)))
            highs.append(float(np.nanmax(chunk.images)))
            classes.update(chunk.labels.tolist())
            dtype = str(chunk.images.dtype)
    if max(highs, default=0) > params.value_max:
        raise DataError(
            got=f"a value of {max(highs):g}",
            expected=f"at most value_max: {params.value_max}, the raw value that means white",
            do="raise preprocess.<role>.value_max, or mend the data",
        )
    if len(classes) < 2:
        raise DataError(got=f"classes {sorted(classes)}", expected="at least two", do="correct ingest or its format")
    return ImageSchema(
        kind=kind,
        dtype=dtype,
        height=Range(min=min(heights), max=max(heights)),
        width=Range(min=min(widths), max=max(widths)),
        channels=params.image_shape[2],
        value=Range(min=min(0, *lows), max=params.value_max),
        classes=sorted(classes, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name)),
    )


def problems(chunk: Chunk, schema: ImageSchema) -> list[str]:
    """Say for each row of a chunk what is wrong with it; an empty string for a good row."""
    if len(chunk.images) and chunk.images.dtype != schema.dtype:
        return [f"wrong type: {chunk.images.dtype}"] * len(chunk.images)
    height, width, channels = chunk.images.shape[1:]
    fits = schema.height.min <= height <= schema.height.max and schema.width.min <= width <= schema.width.max
    if not fits or channels != schema.channels:
        return [f"wrong size: {height}x{width}x{channels}"] * len(chunk.images)
    flat = chunk.images.reshape(len(chunk.images), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)  # NaN where a row holds one
    found = [""] * len(flat)
    known = np.isin(chunk.labels, schema.classes)
    for index in np.flatnonzero(~((low >= schema.value.min) & (high <= schema.value.max) & (low < high) & known)):
        if np.isnan(low[index]):
            found[index] = "NaN"
        elif low[index] < schema.value.min or high[index] > schema.value.max:
            found[index] = f"out of range: {low[index]:g} to {high[index]:g}"
        elif low[index] == high[index]:
            found[index] = "empty: all pixels are equal"
        else:
            found[index] = f"unknown class: {str(chunk.labels[index])!r}"
    return found


def good_rows(chunk: Chunk, schema: ImageSchema) -> tuple[Chunk, list[BadRow]]:
    """Divide a chunk into its good rows and its bad ones."""
    found = problems(chunk, schema)
    bad = [BadRow(str(chunk.sources[index]), reason) for index, reason in enumerate(found) if reason]
    if not bad:
        return chunk, chunk.unreadable
    keep = np.array([not reason for reason in found])
    good = Chunk(chunk.images[keep], chunk.labels[keep], chunk.sources[keep], chunk.given)
    return good, chunk.unreadable + bad


def model_input(images: Array, shape: tuple[int, int, int], value_max: int) -> Array:
    """Return raw images as the uint8 array (rows, *shape) that the exported model is fed.

    Values are scaled so that `value_max` becomes 255; another size is resized with Pillow's bilinear filter, which
    averages when it shrinks.
    """
    if images.dtype != np.uint8 or value_max != 255:
        images = np.clip(np.rint(images * (255.0 / value_max)), 0, 255).astype(np.uint8)
    if images.shape[1:] == shape:
        return images
    return np.stack([resize(image, shape) for image in images]) if len(images) else np.empty((0, *shape), np.uint8)


def resize(image: Array, shape: tuple[int, int, int]) -> Array:
    """Resize one image (height, width, channels) of uint8."""
    height, width, channels = shape
    plane = image[..., 0] if channels == 1 else image
    resized = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.uint8).reshape(shape)
