"""Rows between cleaning and splitting: the images on disk, so that memory does not grow with them."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from tasks.data.records import Array, Chunk
from tasks.data.splits import content_digests


@dataclass(frozen=True)
class Rows:
    """All good rows, in the order of reading.

    Attributes:
        images: (rows, height, width, channels) of uint8, memory-mapped.
        labels: class indices, (rows,) of int32.
        digests: of the images, (rows,) of void.
        given: the split that the source puts each row in, (rows,) of str, empty where it says none.
        sources: where each row came from, (rows,) of str.
    """

    images: Array
    labels: Array
    digests: Array
    given: Array
    sources: Array


class Staging:
    """Takes good rows chunk by chunk; the file below `folder` has no name and goes with the process."""

    def __init__(self, folder: Path, shape: tuple[int, int, int], classes: list[str]) -> None:
        self._shape = shape
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - it lives as long as the rows do
        self._index = {name: index for index, name in enumerate(classes)}
        self._labels: list[Array] = []
        self._digests: list[Array] = []
        self._given: list[Array] = []
        self._sources: list[Array] = []

    def append(self, chunk: Chunk, images: Array) -> None:
        """Add a chunk's rows; `images` is (rows, *shape) of uint8."""
        if len(images):
            contiguous = np.ascontiguousarray(images)
            self._file.write(contiguous.data)
            self._labels.append(np.array([self._index[name] for name in chunk.labels.tolist()], np.int32))
            self._digests.append(content_digests(contiguous))
            self._given.append(np.full(len(images), chunk.given or ""))
            self._sources.append(chunk.sources)

    def rows(self) -> Rows | None:
        """Return all rows, None where there are none."""
        if not self._labels:
            return None
        self._file.flush()
        labels, digests, given, sources = map(np.concatenate, (self._labels, self._digests, self._given, self._sources))
        images = np.memmap(self._file, np.uint8, mode="r", shape=(len(labels), *self._shape))
        return Rows(images, labels, digests, given, sources)
