"""The draft of a line for pictures: what was seen, how they are brought in, what a run starts from."""

from collections import Counter, defaultdict
from pathlib import Path

from pydantic import Field

from tasks.core.errors import DataError
from tasks.core.params import Section
from tasks.core.params.data import Split
from tasks.data import archives
from tasks.data.inspection.files import Files
from tasks.data.inspection.pictures import Picture, Pictures, Place
from tasks.data.picture_folders import Layout, layout_of
from tasks.data.records import SplitName
from tasks.line.drafts.draft import Draft, Key
from tasks.line.drafts.effort import SMALL_PICTURE, Effort, of_photographs, of_small_pictures
from tasks.line.drafts.importing import import_files, import_whole
from tasks.line.drafts.splits import split_of_rows

FEW_IN_A_CLASS = 10


def drafted(files: Files, found: Pictures, line: Path, name: str) -> Draft:
    """Return the draft of a line for pictures, which are brought into its folder.

    Raises:
        DataError: fewer than two classes have pictures.
    """
    if len(found.classes) < 2:
        raise DataError(
            got=f"{len(found.places)} pictures of the classes {sorted(found.classes)}",
            expected="a folder for each class, of which there are at least two: cat/1.jpg, dog/2.jpg",
            do="put the pictures into folders called as their classes, or a table of names and classes beside them",
        )
    tracked, moved = _brought(files, found, line, name)
    split, chosen = split_of_rows(len(found.places), found.splits, "pictures")
    effort = _effort(found)
    bad = (len(found.unreadable) + found.copies) / max(1, len(found.places) + len(found.unreadable))
    bound = (
        [Key("max_bad_fraction", round(min(1.0, bad * 1.25 + 0.01), 2), "unreadable files, copies")]
        if bad > 0.04
        else []
    )
    return Draft(
        kind="image_classification", tracked=tracked, rows=len(found.places), seen=_seen(files, found),
        chosen=[chosen, *moved, effort.why], preprocess=[*effort.preprocess, split, *bound], sections=effort.sections,
        minutes=effort.minutes, task=f"Telling pictures of {len(found.classes)} classes apart: {_names(found)}.",
        limits=f"Trained on {len(found.places):,} pictures; says one of {len(found.classes)} classes of any picture.",
    )  # fmt: skip


def _names(found: Pictures) -> str:
    names = sorted(found.classes)
    return ", ".join(names[:6]) + (" and others" if len(names) > 6 else "")


def _seen(files: Files, found: Pictures) -> list[str]:
    few = [f"{name} ({count})" for name, count in found.classes.items() if count < FEW_IN_A_CLASS]
    pictures = {place.path for place in found.places} | {*found.unreadable, *found.stray, *found.named_by}
    rest = files.counted(but=pictures)
    lines = [*found.said(), *_classes_amiss(found)]
    if found.named_by:
        lines.append(f"classes as {', '.join(map(str, found.named_by))} names them")
    if few:
        lines.append(f"few pictures of {', '.join(few[:6])}: little can be learnt of them, and nothing measured")
    if found.unreadable:
        lines.append(
            f"unreadable: {', '.join(map(str, found.unreadable[:3]))}" + (", ..." if len(found.unreadable) > 3 else "")
        )
    if found.other:
        suffixes = ", ".join(sorted(found.other))
        lines.append(
            f"{found.other.total()} pictures are left out: nothing reads {suffixes}; convert them to .jpg or .png"
        )
    if found.stray:
        lines.append(f"{len(found.stray)} pictures lie in no class folder and are left out, such as {found.stray[0]}")
    if rest and not found.other:
        lines.append(f"other files, left out: {rest}")
    return lines


def _classes_amiss(found: Pictures) -> list[str]:
    """Say which classes have names that differ in case alone, and which have no picture to learn from."""
    by_name = defaultdict[str, list[str]](list)
    for name in sorted(found.classes):
        by_name[name.casefold()].append(name)
    lines = [
        f"{' and '.join(names)} are two classes, whose names differ in case alone; one folder makes them one"
        for names in by_name.values() if len(names) > 1
    ]  # fmt: skip
    learnt = {place.name for place in found.places if place.split in {None, "train"}}
    missing = [name for name in sorted(found.classes) if name not in learnt]
    return [*lines, *([f"no picture to learn from has the class {', '.join(missing[:6])}"] if missing else [])]


def _brought(files: Files, found: Pictures, line: Path, name: str) -> tuple[Path, list[str]]:
    """Bring pictures in: an archive as it is where the reader takes its folders, else each below split and class."""
    if archives.is_archive(files.source) and not found.stray and _is_plain(found):
        return import_whole(files.source, line), []
    wanted, taken = {place.path: _target(place) for place in found.places}, Counter[Path]()
    for path, target in wanted.items():  # two folders may have been one class, with files of the same name
        taken[target] += 1
        if taken[target] > 1:
            wanted[path] = target.with_stem(f"{target.stem}_{taken[target]}")
    tracked = import_files(files.root, wanted, line, name)
    return tracked, [f"copied to {tracked}, a folder for each class"]


class _Given(Section):
    """What the reader asks of the settings, where the folders say all."""

    folders: None = None
    split_folders: dict[str, SplitName | None] = Field(default_factory=dict)
    split: Split = Split(validation="given", test="given")


def _is_plain(found: Pictures) -> bool:
    """Whether the reader finds class and split of all pictures by their folders as they are."""
    try:
        layout = layout_of(Counter(place.path.parts[:-1] for place in found.places), _Given())
    except DataError:  # it has two readings: they are copied in the one that was chosen
        return False
    return all(_read(layout, place) == (place.name, place.split) for place in found.places)


def _read(layout: Layout, place: Place) -> tuple[str, SplitName | None]:
    read = layout.place(place.path.parts[:-1])
    return read.name, read.split


def _target(place: Place) -> Path:
    return Path(*filter(None, (place.split, place.name)), place.path.name)


def _effort(found: Pictures) -> Effort:
    heights, widths = zip(*(header.size for header in found.headers), strict=True)
    height, width = sorted(heights)[len(heights) // 2], sorted(widths)[len(widths) // 2]
    if max(height, width) > SMALL_PICTURE:
        return of_photographs(len(found.places))
    return of_small_pictures(len(found.places), (height, width, 1 if _are_grey(found.headers) else 3))


def _are_grey(headers: list[Picture]) -> bool:
    return sum(header.grey for header in headers) > 0.9 * len(headers)
