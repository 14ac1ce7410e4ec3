"""A folder of images per class, below a folder per split or not: `[train/]dress/00017.jpg`."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np
from PIL import UnidentifiedImageError

from tasks.core.errors import DataError
from tasks.data.images import UNREADABLE, ImageParams, decode
from tasks.data.names import name_of
from tasks.data.records import SPLITS, Chunk, only_unreadable

IMAGE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
UNIT = "files"
MAX_IMAGES = 256  # of a part: a tenth of a second of decoding and more


@dataclass(frozen=True)
class Images:
    """Some images of one folder.

    Attributes:
        folder: that all folders of classes are in.
        paths: of the images.
    """

    folder: Path
    paths: list[Path]


def parts(folder: Path, params: ImageParams) -> Iterator[Images]:
    """Yield what can be read by itself: some images of one folder.

    Raises:
        DataError: there is no image in a class folder.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files or any(path.parent == folder for path in files):
        raise DataError(
            got=f"{len(files)} images, some of them in no class folder" if files else "no image",
            expected="a folder per class: dress/1.jpg, or train/dress/1.jpg",
            do="correct ingest.<role>, or preprocess.<role>.format",
        )
    at_once = min(params.shard_rows, MAX_IMAGES)
    for _, in_parent in groupby(files, key=lambda path: path.parent):
        while paths := list(islice(in_parent, at_once)):
            yield Images(folder, paths)


def chunks(part: Images, params: ImageParams) -> Iterator[Chunk]:
    """Yield the images of a part, one by one, decoded to `params.image_shape`'s channels."""
    names = part.paths[0].parent.relative_to(part.folder).parts
    given = next((split for split in SPLITS if len(names) > 1 and split == names[-2]), None)
    for path in part.paths:
        source = path.relative_to(part.folder).as_posix()
        try:
            image = decode(path, params.image_shape[2])
        except UNREADABLE as error:
            problem = "no image" if isinstance(error, UnidentifiedImageError) else str(error)
            yield only_unreadable(source, f"unreadable: {problem}")
            continue
        columns = {"image": image[np.newaxis], "label": np.array([name_of(names[-1])])}
        yield Chunk(columns, np.array([source]), given)


def files(folder: Path, params: ImageParams) -> list[Path]:
    """Return the files of the format: all images below the folder."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def units(path: Path) -> int:
    """Count the images of a file: one, whatever it holds."""
    return 1
