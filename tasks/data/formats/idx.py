"""IDX files, as MNIST and Fashion-MNIST come in: `train-images-idx3-ubyte[.gz]` beside `train-labels-idx1-ubyte[.gz]`.

Source of the format: http://yann.lecun.com/exdb/mnist/ (magic number: two zero bytes, type, number of dimensions).
"""

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tasks.contracts.errors import DataError
from tasks.contracts.preprocessing import Preprocess
from tasks.data.records import Array, Chunk, SplitName

UNSIGNED_BYTE = 8


def read(folder: Path, params: Preprocess) -> Iterator[Chunk]:
    """Yield the rows of every pair of image and label files; `t10k` and `test` files are the given test split.

    Raises:
        DataError: a file is damaged, or an image file has no label file of the same length.
    """
    image_files = sorted(path for path in folder.rglob("*-images-idx3-ubyte*"))
    if not image_files:
        raise DataError(
            got=f"no *-images-idx3-ubyte file among {sorted(path.name for path in folder.rglob('*'))[:5]}",
            expected="IDX files such as train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz",
            do="correct ingest.<role>, or preprocess.<role>.format",
        )
    for path in image_files:
        images = _load(path, dimensions=3)[..., np.newaxis]
        labels = _load(path.with_name(path.name.replace("-images-idx3-", "-labels-idx1-")), dimensions=1)
        if len(images) != len(labels):
            raise DataError(
                got=f"{len(images)} images in {path.name} and {len(labels)} labels beside it",
                expected="one label for each image",
                do="get both files from the same source again",
            )
        name = path.name.split("-")[0]
        given: SplitName = "test" if name in {"t10k", "test"} else "validation" if name == "validation" else "train"
        for start in range(0, len(images), params.shard_rows):
            part = slice(start, start + params.shard_rows)
            sources = np.char.add(f"{path.name}:", np.arange(len(images))[part].astype(np.str_))
            yield Chunk({"image": images[part], "label": labels[part].astype(np.str_)}, sources, given)


def _load(path: Path, dimensions: int) -> Array:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        magic = struct.unpack_from(">HBB", raw)
        if magic != (0, UNSIGNED_BYTE, dimensions):
            raise ValueError(f"magic number {raw[:4].hex()} where {UNSIGNED_BYTE:06x}{dimensions:02x} was expected")
        shape = struct.unpack_from(f">{dimensions}I", raw, 4)
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except FileNotFoundError:
        problem = "which is missing"
    except (OSError, EOFError, zlib.error, struct.error, ValueError) as error:
        problem = f"which cannot be read: {error}"
    raise DataError(
        got=f"{path.name}, {problem}", expected="a whole IDX file of unsigned bytes", do="get it from its source again"
    )
