"""Training rows from memory-mapped columns: shuffled over all shards, augmented, normalised, a batch ahead."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import tensorflow as tf

from tasks.contracts.errors import ParamsError
from tasks.contracts.recipes import Fit
from tasks.data.columns import Column, Dataset
from tasks.data.records import Array
from tasks.models.saving import Facts


class Batches:
    """The training split of a data set, as a `tf.data.Dataset` that runs through all epochs.

    An epoch's order and augmentation depend on the seed and the epoch's number alone, so that a run which was
    killed goes on with the batches that it would have had.
    """

    def __init__(self, data: Dataset, facts: Facts, fit: Fit) -> None:
        self._images, self._labels = data.column("train", "image"), data.column("train", "label").all()
        self._facts, self._fit = facts, fit
        self.steps = len(self._labels) // fit.batch_size
        if not self.steps:
            raise ParamsError(
                got=f"batch_size: {fit.batch_size}",
                expected=f"at most the {len(self._labels)} rows of the training split",
                do="lower the batch size, or bring more rows",
            )

    def epochs(self, first: int) -> tf.data.Dataset:
        """Return batches of (images (batch, h, w, c) float32, labels (batch,) int32), from epoch `first` on."""
        size, shape = self._fit.batch_size, tuple(self._facts.image_shape)
        signature = tf.TensorSpec((size, *shape), dtype_of(self._images)), tf.TensorSpec((size,), tf.int32)
        raw = tf.data.Dataset.from_generator(
            lambda: chain.from_iterable(map(self._raw, range(first, self._fit.epochs))), output_signature=signature
        )
        return raw.map(lambda images, labels: (normalised(images, self._facts), labels)).prefetch(2)

    def _raw(self, number: int) -> Iterator[tuple[Array, Array]]:
        random = np.random.default_rng([self._fit.seed, number])
        order = random.permutation(len(self._labels))
        for step in range(self.steps):
            rows = order[step * self._fit.batch_size :][: self._fit.batch_size]
            images = self._images.take(rows)
            if self._fit.max_shift:
                images = shifted(images, self._fit.max_shift, random)
            yield images, self._labels[rows]


def dtype_of(column: Column) -> Any:
    """Return the type of a column's values: uint8 for images on disk, float32 for rows in memory."""
    return column.take(np.arange(1)).dtype


def normalised(images: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Return raw images as the float32 that the model is trained on."""
    return (tf.cast(images, tf.float32) - facts.mean) / facts.std


def validation(data: Dataset, facts: Facts) -> tf.data.Dataset:
    """Return the whole validation split in batches of 256, normalised."""
    return whole(data, "validation", facts)


def whole(data: Dataset, split: str, facts: Facts) -> tf.data.Dataset:
    """Return a whole split in its order, in batches of 256, normalised."""
    images, labels = data.column(split, "image"), data.column(split, "label").all()  # type: ignore[arg-type]
    starts = range(0, len(labels), 256)

    def raw() -> Iterator[tuple[Array, Array]]:
        for start in starts:
            rows = np.arange(start, min(start + 256, len(labels)))
            yield images.take(rows), labels[rows]

    signature = tf.TensorSpec((None, *facts.image_shape), dtype_of(images)), tf.TensorSpec((None,), tf.int32)
    return tf.data.Dataset.from_generator(raw, output_signature=signature).map(
        lambda image, label: (normalised(image, facts), label)
    )


def shifted(images: Array, max_shift: int, random: np.random.Generator) -> Array:
    """Move each image by up to `max_shift` pixels in both directions; its edge fills the gap."""
    height, width = images.shape[1:3]
    margin = (max_shift, max_shift)
    padded = np.pad(images, ((0, 0), margin, margin, (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    down, right = random.integers(0, 2 * max_shift + 1, (2, len(images)))
    return np.ascontiguousarray(np.moveaxis(windows[np.arange(len(images)), down, right], 1, -1))
