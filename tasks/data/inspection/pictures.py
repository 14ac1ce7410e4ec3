"""Pictures in folders: classes, splits, sizes, what cannot be read, what is turned, what is there twice."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Literal

from tasks.core.errors import DataError
from tasks.data.deep_pictures import PictureError
from tasks.data.inspection.files import SPLIT_NAMES, Files, suffix_of
from tasks.data.picture_files import IMAGE_SUFFIXES, damage_told, opened
from tasks.data.records import SplitName

# What cameras write beside the suffixes that the reader takes.
PICTURE_SUFFIXES = frozenset({*IMAGE_SUFFIXES, ".jp2", ".cr2", ".nef", ".arw", ".dng"})
HEIC = {".heic", ".heif"}
EXIF_ORIENTATION = 0x0112

Level = Literal["first", "last"]  # which of several folders above a picture is its class


@dataclass(frozen=True)
class Place:
    """Where a picture belongs.

    Attributes:
        path: relative to the folder that all lie in.
        name: of its class.
        split: that the folders say, None where they do not.
    """

    path: Path
    name: str
    split: SplitName | None


@dataclass(frozen=True)
class Picture:
    """What the header of a picture says.

    Attributes:
        size: (height, width); (0, 0) for one that cannot be read.
        grey: whether it has no colour.
        turned: whether its EXIF data turn it.
        digest: of the file's bytes.
    """

    size: tuple[int, int]
    grey: bool
    turned: bool
    digest: bytes


@dataclass(frozen=True)
class Pictures:
    """All pictures of a folder.

    Attributes:
        places: of those that have a suffix the reader takes, and can be read.
        headers: of the same, in the same order.
        unreadable: of those that cannot be read, relative paths.
        other: pictures whose suffix the reader does not take, by suffix.
        stray: pictures in no class folder.
        named_by: the files that say the classes, where the folders do not.
    """

    places: list[Place]
    headers: list[Picture]
    unreadable: list[Path]
    other: Counter[str]
    stray: list[Path]
    named_by: tuple[Path, ...] = ()

    @property
    def classes(self) -> Counter[str]:
        """How many pictures each class has."""
        return Counter(place.name for place in self.places)

    @property
    def splits(self) -> set[str]:
        """The splits that the folders name."""
        return {place.split for place in self.places if place.split}

    @property
    def sizes(self) -> Counter[tuple[int, int]]:
        """How many pictures have which (height, width)."""
        return Counter(header.size for header in self.headers)

    @property
    def copies(self) -> int:
        """How many files have the bytes of another one."""
        return len(self.headers) - len({header.digest for header in self.headers})

    def said(self) -> list[str]:
        """Say what was seen, in one line and what is amiss in another."""
        sizes = self.sizes
        size = "all {1}x{0}".format(*next(iter(sizes))) if len(sizes) == 1 else f"{len(sizes):,} sizes"
        turned = sum(header.turned for header in self.headers)
        parts = [
            f"{len(self.places):,} pictures in {len(self.classes)} classes, {size}",
            f"{len(self.unreadable)} unreadable" if self.unreadable else "",
            f"{turned} turned by EXIF" if turned else "",
            f"{heic} HEIC" if (heic := sum(suffix_of(place.path) in HEIC for place in self.places)) else "",
            *(f"{count} {suffix[1:].upper()}" for suffix, count in self.other.items()),
            f"{self.copies} copies of another file" if self.copies else "",
            f"{len(self.stray)} in no class folder" if self.stray else "",
        ]
        counts = self.classes.most_common()
        shown = ", ".join(f"{name} {count}" for name, count in counts[:8]) + (", ..." if len(counts) > 8 else "")
        return [", ".join(filter(None, parts)), f"classes: {shown}"]


def pictures_in(files: Files, level: Level | None = None) -> Pictures:
    """Look at every picture of a folder.

    Args:
        files: of the folder.
        level: which folder is the class where pictures lie in several.

    Raises:
        DataError: the folders of the classes lie at different depths, so that two readings fit.
    """
    all_paths = files.ending(PICTURE_SUFFIXES)
    other = Counter(suffix_of(path) for path in all_paths if suffix_of(path) not in IMAGE_SUFFIXES)
    paths = [path for path in all_paths if suffix_of(path) in IMAGE_SUFFIXES]
    placed, stray = places_of(paths, level)
    headers = list(_headers([files.root / place.path for place in placed]))
    whole = [(place, header) for place, header in zip(placed, headers, strict=True) if header is not None]
    return Pictures(
        [place for place, _ in whole], [header for _, header in whole],
        [place.path for place, header in zip(placed, headers, strict=True) if header is None], other, stray,
    )  # fmt: skip


def labelled(files: Files, found: Pictures, classes: Mapping[Path, str], named_by: Iterable[Path]) -> Pictures:
    """Return the pictures of a folder with the classes that something else than their folders says.

    Args:
        files: of the folder.
        found: its pictures by their folders.
        classes: of the pictures that have one.
        named_by: the files that say so.
    """
    paths = sorted(classes)
    headers = list(_headers([files.root / path for path in paths]))
    whole = [(path, header) for path, header in zip(paths, headers, strict=True) if header is not None]
    return Pictures(
        [Place(path, classes[path], None) for path, _ in whole], [header for _, header in whole],
        [path for path, header in zip(paths, headers, strict=True) if header is None], found.other,
        sorted({*found.stray, *(place.path for place in found.places)} - set(paths)), tuple(named_by),
    )  # fmt: skip


def places_of(paths: list[Path], level: Level | None = None) -> tuple[list[Place], list[Path]]:
    """Return the class and the split of each picture by its folders, and the pictures that lie in no class folder.

    The class is the one folder between a picture and what all pictures have in common, a split's folder left out.

    Raises:
        DataError: the folders lie at different depths.
    """
    common = _common([path.parts[:-1] for path in paths])
    stray = [path for path in paths if not _class_folders(path, common)]
    folders = {path: _class_folders(path, common) for path in paths if path not in set(stray)}
    depths = Counter(len(names) for names in folders.values())
    if level is None and depths and max(depths) > 1:
        _refuse_depths(folders)
    index = 0 if level == "first" else -1
    return [Place(path, names[index], _split(path, common)) for path, names in folders.items()], stray


def _class_folders(path: Path, common: int) -> tuple[str, ...]:
    return tuple(name for name in path.parts[common:-1] if name.casefold() not in SPLIT_NAMES)


def _split(path: Path, common: int) -> SplitName | None:
    return next(
        (SPLIT_NAMES[name.casefold()] for name in path.parts[common:-1] if name.casefold() in SPLIT_NAMES), None
    )


def _common(folders: list[tuple[str, ...]]) -> int:
    """Return how many folders, from the top, all pictures lie in, a split's folder not among them.

    Pictures of one class alone lie in that class's folder, which is no common one.
    """
    if not folders:
        return 0
    levels = zip(*folders, strict=False)  # as deep as the one that is least deep
    shared = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, levels)]
    depth = next((place for place, name in enumerate(shared) if name.casefold() in SPLIT_NAMES), len(shared))
    return depth if len(set(folders)) > 1 else max(0, depth - 1)


def _refuse_depths(folders: dict[Path, tuple[str, ...]]) -> None:
    deep = max(folders, key=lambda path: len(folders[path]))
    flat = min(folders, key=lambda path: len(folders[path]))
    names, beside = folders[deep], f" beside {flat}" if len(folders[flat]) < len(folders[deep]) else ""
    raise DataError(
        got=f"pictures in folders of folders, such as {deep}{beside}",
        expected=f"to know its class: {names[0]!r} or {names[-1]!r}",
        do="--class-folder first takes the first of the two, --class-folder last the folder that a picture lies in",
    )


def _headers(paths: list[Path]) -> Iterator[Picture | None]:
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:  # Pillow decodes outside of Python's lock
        yield from pool.map(header_of, paths)


def header_of(path: Path) -> Picture | None:
    """Read the header of a picture; None where it cannot be read to its end."""
    try:
        content = path.read_bytes()
        with opened(path) as (_, image), damage_told():
            turned = image.getexif().get(EXIF_ORIENTATION, 1) not in {0, 1}
            size, grey = (image.height, image.width), image.mode in {"1", "L", "LA"}
            image.draft("RGB", (64, 64))  # JPEG alone: an eighth of the work, and a damaged file is still found
            image.load()
    except (OSError, PictureError):
        return None
    return Picture(size, grey, turned, hashlib.blake2b(content, digest_size=16).digest())
