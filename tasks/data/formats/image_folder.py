"""A folder of images per class, below a folder per split or not: `[train/]dress/00017.jpg`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np

from tasks.core.errors import DataError
from tasks.core.files import visible_files
from tasks.data.deep_pictures import PictureError
from tasks.data.images import ImageParams
from tasks.data.names import NO_SUFFIX, name_of, suffix_of
from tasks.data.picture_files import IMAGE_SUFFIXES, decode
from tasks.data.picture_folders import Layout, Place, layout_of
from tasks.data.records import Chunk, only_unreadable

MAX_IMAGES = 256  # of a part: a tenth of a second of decoding and more
UNIT = "files"
SHOWN = 8


@dataclass(frozen=True)
class Images:
    """Some images of one folder.

    Attributes:
        folder: that all folders of classes are in.
        paths: of the images.
        place: their class, and their split where the folders say it.
    """

    folder: Path
    paths: list[Path]
    place: Place


def parts(folder: Path, params: ImageParams) -> Iterator[Images]:
    """Yield what can be read by itself: some images of one folder.

    Raises:
        DataError: there is no image in a class folder, or the folders can be read in two ways.
    """
    images, layout = _images(folder, params)
    at_once = min(params.shard_rows, MAX_IMAGES)
    for parent, in_parent in groupby(images, key=lambda path: path.parent):
        place = layout.place(parent.relative_to(folder).parts)
        while paths := list(islice(in_parent, at_once)):
            yield Images(folder, paths, place)


def chunks(part: Images, params: ImageParams) -> Iterator[Chunk]:
    """Yield the images of a part, one by one, decoded to `params.image_shape`'s channels."""
    name = name_of(part.place.name)
    for path in part.paths:
        source = path.relative_to(part.folder).as_posix()
        try:
            picture = decode(path, params)
        except PictureError as error:
            yield only_unreadable(source, str(error))
            continue
        columns = {"image": picture.pixels[np.newaxis], "label": np.array([name])}
        yield Chunk(columns, np.array([source]), part.place.split, notes=Counter(picture.notes))


def files(folder: Path, params: ImageParams) -> list[Path]:
    """Return the files of the format: the images of all folders that the settings do not leave out."""
    return _images(folder, params)[0]


def units(path: Path) -> int:
    """Count the images of a file: one, whatever it holds."""
    return 1


def _images(folder: Path, params: ImageParams) -> tuple[list[Path], Layout]:
    """Return the images in order, with what their folders mean."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    layout = layout_of(Counter(path.parent.relative_to(folder).parts for path in found), params)
    images = [path for path in found if not layout.leaves_out(path.parent.relative_to(folder).parts)]
    if not images:
        counts = Counter(suffix_of(path) or NO_SUFFIX for path in visible_files(folder).values())
        raise DataError(
            got="no image, but " + ", ".join(f"{count} {name}" for name, count in counts.most_common(SHOWN)),
            expected="a folder per class: dress/1.jpg, or train/dress/1.jpg",
            do="correct ingest.<role>, or preprocess.<role>.format",
        )
    return images, layout
