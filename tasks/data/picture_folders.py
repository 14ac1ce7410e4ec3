"""Which folder above a picture names its class, which its split: `train/cat/17.jpg`, `cat/17.jpg`.

Where the folders can be read in two ways they are refused with both; `preprocess.<role>.folders` says which is meant.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tasks.core.errors import DataError
from tasks.data.records import SplitName

CLASS, SPLIT, ANY, DEEP = "class", "split", "*", "**"
SPLIT_NAMES: dict[str, SplitName] = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
SHOWN = 6

Folders = tuple[str, ...]  # the names of the folders that a picture lies in, the outermost first
Counts = Mapping[Folders, int]  # how many pictures lie in each


class Splits(Protocol):
    """The section `preprocess.<role>.split`."""

    @property
    def validation(self) -> float | str: ...  # noqa: D102
    @property
    def test(self) -> float | str: ...  # noqa: D102


class FolderParams(Protocol):
    """What the reader needs of the section `preprocess.<role>`.

    Attributes:
        folders: the layout, such as `split/class`; None where the folders themselves have to say it.
        split_folders: the split that a folder stands for, None for one that is left out.
        split: the splits.
    """

    @property
    def folders(self) -> str | None: ...  # noqa: D102
    @property
    def split_folders(self) -> Mapping[str, SplitName | None]: ...  # noqa: D102
    @property
    def split(self) -> Splits: ...  # noqa: D102


@dataclass(frozen=True)
class Place:
    """What the folders of a picture say of it.

    Attributes:
        name: of its class.
        split: that it is in; None where they do not say.
    """

    name: str
    split: SplitName | None


@dataclass(frozen=True)
class Layout:
    """The meaning of each folder.

    Attributes:
        words: `class`, `split`, `*` for any one folder, `**` for any number of them; folders behind the last are not
            looked at.
        splits: the split of each name of a split folder, in small letters; None for one that is left out.
    """

    words: tuple[str, ...]
    splits: Mapping[str, SplitName | None]

    def __str__(self) -> str:
        return "/".join(self.words)

    def leaves_out(self, folders: Folders) -> bool:
        """Whether one of the folders is named as one that holds no rows."""
        return any(self.splits.get(name.casefold(), "") is None for name in folders)

    def fits(self, folders: Folders) -> bool:
        """Whether there is a folder for each word, and that of `split` is known."""
        found = self._meanings(folders)
        return found is not None and (SPLIT not in found or found[SPLIT].casefold() in self.splits)

    def place(self, folders: Folders) -> Place:
        """Return the class and the split of the pictures in a folder that fits."""
        found = self._meanings(folders) or {}
        return Place(found[CLASS], self.splits[found[SPLIT].casefold()] if SPLIT in found else None)

    def _meanings(self, folders: Folders) -> dict[str, str] | None:
        at = self.words.index(DEEP) if DEEP in self.words else len(self.words)
        before, behind = self.words[:at], self.words[at + 1 :]
        if len(folders) < len(before) + len(behind):
            return None
        return dict(
            zip((*before, *behind), (*folders[: len(before)], *folders[len(folders) - len(behind) :]), strict=True)
        )


def layout_of(counts: Counts, params: FolderParams) -> Layout:
    """Find out what the folders mean, or take what the settings say.

    Args:
        counts: the folders that hold pictures.
        params: the section `preprocess.<role>`.

    Raises:
        DataError: there are two readings, or none.
    """
    splits = {**SPLIT_NAMES, **{name.casefold(): split for name, split in params.split_folders.items()}}
    if params.folders:
        layout = Layout(tuple(params.folders.split("/")), splits)
        _require_all_fit(layout, counts)
        return layout
    nothing = Layout((), splits)
    return _found(
        {folders: count for folders, count in counts.items() if not nothing.leaves_out(folders)}, params, splits
    )


def _require_all_fit(layout: Layout, counts: Counts) -> None:
    wrong = [folders for folders in counts if not layout.leaves_out(folders) and not layout.fits(folders)]
    if wrong:
        raise DataError(
            got=f"pictures in {_listed(wrong, counts)}",
            expected=f"{layout}, as preprocess.<role>.folders says"
            + (f", where split is one of {_names(layout.splits)}" if SPLIT in layout.words else ""),
            do="correct preprocess.<role>.folders, or name the split folder in preprocess.<role>.split_folders",
        )


def _found(counts: Counts, params: FolderParams, splits: Mapping[str, SplitName | None]) -> Layout:
    around = _around(counts, splits)
    above = (ANY,) * around
    tops = {folders[around] for folders in counts if len(folders) > around}
    known = {name for name in tops if name.casefold() in splits}
    unknown = tops - known if known else set[str]()
    _require_classes(counts, around, set() if unknown else known)
    layout = Layout((*above, SPLIT, CLASS) if known else (*above, CLASS), splits)
    if unknown:
        raise _unknown_split(Layout((*above, CLASS), splits), layout, counts, known, unknown)
    if any(len(folders) != len(layout.words) for folders in counts):
        raise _nested(layout, counts)
    _require_splits_are_used(layout, counts, params.split)
    return layout


def _around(counts: Counts, splits: Mapping[str, SplitName | None]) -> int:
    """Return how many folders lie around everything, as archives have them, and say nothing."""
    around = 0
    while True:
        names = {folders[around : around + 1] for folders in counts}
        if len(names) > 1 or any(len(folders) < around + 2 for folders in counts):
            return around
        if any(name.casefold() in splits for (name,) in names) or not names:
            return around
        around += 1


def _require_classes(counts: Counts, around: int, splits: set[str]) -> None:
    """Refuse pictures that lie beside the class folders, at the top or right below a split folder."""
    stray = [
        folders for folders in counts
        if len(folders) <= around or (len(folders) == around + 1 and folders[around] in splits)
    ]  # fmt: skip
    if not stray:
        return
    raise DataError(
        got=f"{sum(counts.values())} images, some of them in no class folder: {_listed(stray, counts)}",
        expected="a folder per class: dress/1.jpg, or train/dress/1.jpg",
        do="move them into the folder of their class, or correct ingest.<role> or preprocess.<role>.format",
    )


def _unknown_split(classes: Layout, split: Layout, counts: Counts, known: set[str], unknown: set[str]) -> DataError:
    one = sorted(unknown)[0]
    return DataError(
        got=f"folders {_names(unknown)} beside {_names(known)}",
        expected=f"splits alone ({', '.join(sorted(SPLIT_NAMES))}), or classes alone. With `{classes}` "
        f"{_read(classes, counts)}; with `{split}` each has to be known as a split",
        do=f"state one in preprocess.<role>: `folders: {classes}` if all are classes; `split_folders: {{{one}: test}}` "
        f"puts {one!r} into a split, and `{{{one}: null}}` leaves it out",
    )


def _nested(layout: Layout, counts: Counts) -> DataError:
    above = layout.words[:-1]
    candidates = [layout, Layout((*above, DEEP, CLASS), layout.splits)]
    if SPLIT not in layout.words:
        candidates.append(Layout((*above, CLASS, SPLIT), layout.splits))
    readings = [candidate for candidate in candidates if all(candidate.fits(folders) for folders in counts)]
    depths = {len(folders) for folders in counts}
    return DataError(
        got=f"{'class folders at differing depths' if len(depths) > 1 else 'folders in the class folders'}: "
        f"{_listed(sorted(counts, key=lambda folders: (-len(folders), folders)), counts)}",
        expected="one reading. " + "; ".join(f"With `{reading}` {_read(reading, counts)}" for reading in readings),
        do="state it: " + " or ".join(f"`preprocess.<role>.folders: {_quoted(reading)}`" for reading in readings),
    )


def _require_splits_are_used(layout: Layout, counts: Counts, split: Splits) -> None:
    """Refuse to train on what lies in a folder of test rows, only because the settings want a fraction."""
    found = {layout.place(folders).split for folders in counts}
    stated = {"validation": split.validation, "test": split.test}
    unused = [name for name, part in stated.items() if name in found and part != "given"]
    if not unused:
        return
    anew = Layout((*(ANY if word == SPLIT else word for word in layout.words),), layout.splits)
    settings = ", ".join(f"{name}: given" for name in unused)
    raise DataError(
        got=f"folders for {' and '.join(unused)}, and "
        + ", ".join(f"preprocess.<role>.split.{name}: {stated[name]}" for name in unused),
        expected="the splits of the folders, or fractions of all pictures",
        do=f"`preprocess.<role>.split: {{{settings}}}` keeps the folders' splits; "
        f"`preprocess.<role>.folders: {_quoted(anew)}` divides all pictures anew",
    )


def _read(layout: Layout, counts: Counts) -> str:
    """Say which classes a reading gives, and of how many pictures."""
    found = Counter[str]()
    for folders, count in counts.items():
        found[layout.place(folders).name] += count
    shown = ", ".join(f"{name} ({count})" for name, count in sorted(found.items())[:SHOWN])
    return f"the classes are {shown}" + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def _listed(folders: Iterable[Folders], counts: Counts) -> str:
    found = list(folders)
    shown = ", ".join(f"{'/'.join(each) or 'the top folder'} ({counts[each]})" for each in found[:SHOWN])
    return shown + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def _names(names: Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def _quoted(layout: Layout) -> str:
    """Return a layout as YAML takes it: what begins with a star is something else there."""
    return f'"{layout}"' if str(layout).startswith(ANY) else str(layout)
