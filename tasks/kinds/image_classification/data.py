"""Rows of images with one class each: their checks, their statistics, the uint8 array that the model is fed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tasks.core.errors import DataError
from tasks.core.files import read_json, write_json
from tasks.data import classes
from tasks.data.deep_pictures import PictureError
from tasks.data.images import Sums, normalisation, sums_of
from tasks.data.picture_files import decode
from tasks.data.records import Array, BadRow, Chunk, Columns, Train
from tasks.data.schema import KindData, Range, Schema
from tasks.data.splits import content_digests
from tasks.kinds.image_classification import Preprocess

INPUT = "input.json"
FILES = "image_folder"  # the format whose files are those that `predict` reads
DECODING = ("ground", "max_pixels")
BYTE = 255
SHOWN = 3


class ImageSchema(Schema):
    """Raw images with one class each."""

    dtype: str
    height: Range
    width: Range
    channels: int
    value: Range
    classes: list[str]


def problems(chunk: Chunk, schema: ImageSchema) -> list[str]:
    """Say for each row of a chunk what is wrong with it; an empty string for a good row."""
    images, labels = chunk.columns["image"], chunk.columns["label"]
    if images.dtype != schema.dtype:
        return [f"wrong type: {images.dtype}"] * len(images)
    height, width, channels = images.shape[1:]
    fits = schema.height.min <= height <= schema.height.max and schema.width.min <= width <= schema.width.max
    if not fits or channels != schema.channels:
        return [f"wrong size: {height}x{width}x{channels}"] * len(images)
    flat = images.reshape(len(images), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)  # NaN where a row holds one
    found = [""] * len(flat)
    known = np.isin(labels, schema.classes)
    for index in np.flatnonzero(~((low >= schema.value.min) & (high <= schema.value.max) & (low < high) & known)):
        if np.isnan(low[index]):
            found[index] = "NaN"
        elif low[index] < schema.value.min or high[index] > schema.value.max:
            found[index] = f"out of range: {low[index]:g} to {high[index]:g}"
        elif low[index] == high[index]:
            found[index] = "empty: all pixels are equal"
        else:
            found[index] = f"unknown class: {str(labels[index])!r}"
    return found


def measured(columns: Columns) -> tuple[set[str], Sums]:
    """Return the different class names of some rows, and what their pixels sum up to."""
    return set(columns["label"].tolist()), sums_of(columns["image"])


class Encoder:
    """Good rows as columns on disk: the image as it is, its class as a number."""

    def __init__(self, assets: Path) -> None:
        self._classes = classes.read(assets)

    def encode(self, columns: Columns) -> Columns:
        """Return `image`, and `label` (rows,) of int32 where there are classes."""
        found = {"image": columns["image"]}
        if "label" in columns:
            found["label"] = classes.numbered(columns["label"], self._classes)
        return found


def model_input(images: Array, shape: tuple[int, ...], value_max: int) -> Array:
    """Return raw images as the uint8 array (rows, *shape) that the exported model is fed.

    Values are scaled so that white, `value_max`, becomes 255; another size is resized with Pillow's bilinear filter,
    which averages when it shrinks.
    """
    white = white_of(images.dtype, value_max)
    if images.dtype != np.uint8 or white != BYTE:
        images = np.clip(np.rint(images * (255.0 / white)), 0, BYTE).astype(np.uint8)
    if images.shape[1:] == shape:
        return images
    return np.stack([resize(image, shape) for image in images]) if len(images) else np.empty((0, *shape), np.uint8)


def white_of(dtype: Any, value_max: int) -> int:
    """Return the value that means white in an array; files of more than 8 bits have been scaled to 8 when decoded."""
    return min(value_max, BYTE) if np.dtype(dtype) == np.uint8 else value_max


def resize(image: Array, shape: tuple[int, ...]) -> Array:
    """Resize one image (height, width, channels) of uint8."""
    height, width, channels = shape
    plane = image[..., 0] if channels == 1 else image
    resized = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.uint8).reshape(shape)


def _none_is_readable(bad: list[BadRow]) -> DataError:
    first = "".join(f"\n  {row.source}: {row.reason}" for row in bad[:SHOWN])
    return DataError(
        got=f"{len(bad)} rows, none of which can be read" + (f", the first of them:{first}" if bad else ""),
        do="correct the data, ingest.<role> or preprocess.<role>",
    )


def _input(params: Preprocess) -> dict[str, Any]:
    """Return what a bundle says of the model's input, and of the files that become one.

    Of what is not named there holds the default; rows that were no files say nothing of the files of others.
    """
    value_max = params.value_max if params.format == FILES else BYTE
    changed = {name: getattr(params, name) for name in DECODING}
    changed = {name: value for name, value in changed.items() if value != Preprocess.model_fields[name].default}
    return {"shape": list(params.image_shape), "value_max": value_max, **changed}


class ImageData(KindData[ImageSchema, Preprocess]):
    """Images with one class each; an image is stored as the model is fed: no bundle encodes it in another way."""

    schema = ImageSchema
    target = "label"
    raw = ()
    compared = "image"

    def observe(self, chunks: Iterable[Chunk], kind: str, params: Preprocess) -> ImageSchema:
        """Describe the readable rows.

        Raises:
            DataError: no row could be read, or fewer than two classes are there.
        """
        heights, widths, lows, highs, names, dtype = set[int](), set[int](), [], [], set[str](), "uint8"
        bad = list[BadRow]()
        for chunk in chunks:
            bad += chunk.unreadable
            if len(chunk):
                images = chunk.columns["image"]
                heights.add(images.shape[1])
                widths.add(images.shape[2])
                lows.append(float(np.nanmin(images)))
                highs.append(float(np.nanmax(images)))
                names.update(chunk.columns["label"].tolist())
                dtype = str(images.dtype)
        if not heights:
            raise _none_is_readable(bad)
        if max(highs) > params.value_max:
            raise DataError(
                got=f"a value of {max(highs):g}",
                expected=f"at most value_max: {params.value_max}, the raw value that means white",
                do="raise preprocess.<role>.value_max, or correct the data",
            )
        ordered = classes.in_order(names)
        return ImageSchema(
            kind=kind,
            dtype=dtype,
            height=Range(min=min(heights), max=max(heights)),
            width=Range(min=min(widths), max=max(widths)),
            channels=params.image_shape[2],
            value=Range(min=min(0, *lows), max=white_of(dtype, params.value_max)),
            classes=ordered,
        )

    def good_rows(self, chunk: Chunk, schema: ImageSchema, params: Preprocess) -> tuple[Chunk, list[BadRow]]:
        """Divide a chunk into its good rows, as the model is fed, and its bad ones."""
        if not len(chunk):
            return chunk, chunk.unreadable
        found = problems(chunk, schema)
        bad = [BadRow(str(chunk.sources[index]), reason) for index, reason in enumerate(found) if reason]
        good = chunk.chosen(np.array([not reason for reason in found]), [])
        images = model_input(good.columns["image"], params.image_shape, params.value_max)
        return Chunk({**good.columns, "image": images}, good.sources, good.given), chunk.unreadable + bad

    def content_digests(self, chunk: Chunk) -> Array:
        """Return a digest of each image, (rows,) of void; equal images are copies, whatever their classes."""
        return content_digests(chunk.columns["image"])

    def strata(self, columns: Columns) -> Array:
        """Return what a split takes its fractions of: the classes, (rows,) of str."""
        return columns["label"].astype(np.str_)

    def fit(self, train: Train, schema: ImageSchema, params: Preprocess, assets: Path) -> dict[str, Any]:
        """Measure the training rows.

        Raises:
            DataError: a class has none.
        """
        parts = list(train.map(measured, "image", "label"))
        classes.require_rows((labels for labels, _ in parts), schema.classes)
        classes.write(assets, schema.classes)
        write_json(assets / INPUT, _input(params))
        return {
            "classes": schema.classes,
            "inputs": {"image": {"shape": list(params.image_shape), "dtype": "uint8"}},
            "normalisation": normalisation(sums for _, sums in parts),
        }

    def parse(self, words: list[str], assets: Path) -> Columns:
        """Read an image file, named on the command line, as the model is fed: (1, height, width, channels).

        Raises:
            DataError: it cannot be read.
        """
        stored = read_json(assets / INPUT)
        params = Preprocess.model_validate({"image_shape": stored.pop("shape"), **stored})
        (path,) = words
        try:
            pixels = decode(Path(path), params).pixels
        except PictureError as error:
            raise DataError(got=f"{path}: {error}", expected="an image file that can be read", do=error.do) from None
        return {"image": model_input(pixels[np.newaxis], params.image_shape, params.value_max)}

    def encoder(self, assets: Path) -> Encoder:
        """Return what encodes rows by the assets."""
        return Encoder(assets)


DATA = ImageData()
