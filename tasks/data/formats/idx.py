"""IDX files, the format of MNIST: `train-images-idx3-ubyte[.gz]` beside `train-labels-idx1-ubyte[.gz]`.

Source of the format: http://yann.lecun.com/exdb/mnist/ (magic number: two zero bytes, type, number of dimensions).
"""

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from tasks.core.errors import DataError
from tasks.core.params.data import Preprocess
from tasks.data.records import Array, Chunk, Places, SplitName

UNIT = "images"
UNSIGNED_BYTE = 8
IMAGES = "-images-idx3-ubyte"


@dataclass(frozen=True)
class Images:
    """Some images of a file.

    Attributes:
        path: of the file.
        start: number of the first image, from 0.
        stop: of the image behind the last.
    """

    path: Path
    start: int
    stop: int


def files(folder: Path, params: Preprocess) -> list[Path]:
    """Return the files of images and those of their labels.

    Raises:
        DataError: there is no file of images.
    """
    images = _image_files(folder)
    return sorted({*images, *map(_labels_of, images)})


def units(path: Path) -> int:
    """Count the images that a file says it has; one of labels has none.

    Raises:
        DataError: the file is damaged.
    """
    return _shape(path, 3)[0] if IMAGES in path.name else 0


def _image_files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob(f"*{IMAGES}*"))
    if not found:
        raise DataError(
            got=f"no *{IMAGES} file among {sorted(path.name for path in folder.rglob('*'))[:5]}",
            expected="IDX files such as train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz",
            do="correct ingest.<role>, or preprocess.<role>.format",
        )
    return found


def parts(folder: Path, params: Preprocess) -> Iterator[Images]:
    """Yield what can be read by itself: so many images, or a gzipped file.

    Raises:
        DataError: a file is damaged, or an image file has no label file of the same length.
    """
    for path in _image_files(folder):
        (count, *_), (labels,) = _shape(path, 3), _shape(_labels_of(path), 1)
        if count != labels:
            raise DataError(
                got=f"{count} images in {path.name} and {labels} labels beside it",
                expected="one label for each image",
                do="get both files from the same source again",
            )
        at_once = count if path.suffix == ".gz" else params.shard_rows
        yield from (Images(path, start, min(start + at_once, count)) for start in range(0, count, max(at_once, 1)))


def chunks(part: Images, params: Preprocess) -> Iterator[Chunk]:
    """Yield the images of a part; `t10k` and `test` files are the given test split.

    Raises:
        DataError: a file is damaged.
    """
    name = part.path.name.split("-")[0]
    given: SplitName = "test" if name in {"t10k", "test"} else "validation" if name == "validation" else "train"
    images, labels = (
        _rows(path, dimensions, part.start, part.stop, params.shard_rows)
        for path, dimensions in ((part.path, 3), (_labels_of(part.path), 1))
    )
    start = part.start
    for some, names in zip(images, labels, strict=True):
        sources = Places(part.path.name, np.arange(start, start + len(some)))
        start += len(some)
        yield Chunk({"image": some[..., np.newaxis], "label": names.astype(np.str_)}, sources, given)


def _labels_of(path: Path) -> Path:
    return path.with_name(path.name.replace("-images-idx3-", "-labels-idx1-"))


def _shape(path: Path, dimensions: int) -> tuple[int, ...]:
    """Return the shape that a file says it has; one that is not gzipped has as many bytes."""
    with _whole(path), _opened(path) as file:
        raw = file.read(4 + 4 * dimensions)
        magic = struct.unpack_from(">HBB", raw)
        if magic != (0, UNSIGNED_BYTE, dimensions):
            raise ValueError(f"magic number {raw[:4].hex()} where {UNSIGNED_BYTE:06x}{dimensions:02x} was expected")
        shape: tuple[int, ...] = struct.unpack_from(f">{dimensions}I", raw, 4)
        size, expected = path.stat().st_size, len(raw) + int(np.prod(shape, dtype=object))
        if path.suffix != ".gz" and size != expected:
            raise ValueError(f"{size:,} bytes where {expected:,} were expected for {shape}")
        return shape


def _rows(path: Path, dimensions: int, start: int, stop: int, at_once: int) -> Iterator[Array]:
    shape = _shape(path, dimensions)[1:]
    row_bytes = int(np.prod(shape, dtype=object))
    with _whole(path), _opened(path) as file:
        file.seek(4 + 4 * dimensions + start * row_bytes)
        while start < stop:
            count = min(at_once, stop - start)
            raw = file.read(count * row_bytes)
            yield np.frombuffer(raw, np.uint8).reshape(count, *shape)
            start += count
        if path.suffix == ".gz" and file.read(1):  # its checksum stands at the end
            raise ValueError(f"more bytes than {stop} rows have")


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    try:
        yield
        return
    except FileNotFoundError:
        problem = "which is missing"
    except (OSError, EOFError, zlib.error, struct.error, ValueError) as error:
        problem = f"which cannot be read: {error}"
    raise DataError(
        got=f"{path.name}, {problem}",
        expected="a complete IDX file of unsigned bytes",
        do="get it from its source again",
    )
