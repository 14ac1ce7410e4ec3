"""The account of a data set: every file, line or row is kept, left out with a reason, or named.

A format says what it counts (`UNIT`), which files it reads (`files`), and how many units a file has (`units`), which it
counts in another way than it reads them. What does not add up is a fault of Trimline, and stops the stage.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.core.errors import StageError
from tasks.core.files import read_json, visible_files
from tasks.core.params.data import Preprocess
from tasks.core.processes import Each
from tasks.data.names import NO_SUFFIX, suffix_of
from tasks.data.records import BadRow, Chunk

TO_DO = "this is a fault of Trimline: please report it with the file, or a part of it that shows the fault"


@dataclass(frozen=True)
class Account:
    """What was there, and what became of it.

    Attributes:
        unit: what is counted, such as `lines`.
        files: how many were read.
        others: files that are none of the format, by suffix.
        units: how many the files have.
        skipped: units that are no rows, by what they are, such as `empty lines`.
        notes: what was done to how many rows, such as turning a picture.
    """

    unit: str
    files: int
    others: Counter[str]
    units: int
    skipped: Counter[str]
    notes: Counter[str]

    def require_balance(self, kept: int, quarantined: int, repeated: int) -> None:
        """Make sure that every unit is a row that was kept, one in the quarantine, or named.

        Raises:
            StageError: the sums differ.
        """
        found = kept + quarantined + self.skipped.total()
        if found != self.units:
            raise StageError(
                got=f"{self.units} {self.unit} in {self.files} files, and {found} of them accounted for: "
                f"{self.told(kept, quarantined, repeated)}",
                do=TO_DO,
            )

    def told(self, kept: int, quarantined: int, repeated: int) -> str:
        """Say what became of all units, and which files are no data."""
        named = "".join(f" + {count:,} {what}" for what, count in sorted(self.skipped.items()))
        others = ", ".join(f"{count} {suffix}" for suffix, count in sorted(self.others.items()))
        beside = f"; beside them {self.others.total()} files that are no data ({others})" if others else ""
        equal = f" ({repeated:,} of them equal to another)" if repeated else ""
        rows = f"{kept:,} rows kept{equal} + {quarantined:,} in quarantine.csv{named}"
        notes = "".join(f"; {count:,} {what}" for what, count in sorted(self.notes.items()))
        return f"{self.units:,} {self.unit} of {self.files:,} files = {rows}{beside}{notes}"

    def recorded(self, kept: int, quarantined: int, repeated: int) -> dict[str, Any]:
        """Return what `dataset.json` says of it."""
        return {
            "unit": self.unit,
            "files": self.files,
            "units": self.units,
            "kept": kept,
            "repeated": repeated,
            "quarantined": quarantined,
            "skipped": dict(sorted(self.skipped.items())),
            "other_files": dict(sorted(self.others.items())),
            "notes": dict(sorted(self.notes.items())),
        }


def opened(
    reader: Any, raw: Path, params: Preprocess, each: Each, skipped: Counter[str], notes: Counter[str]
) -> Account:
    """Count what ingest brought and left out, for a reader that has read it.

    Args:
        reader: of the format.
        raw: the folder of ingest, with its manifest.
        params: the section `preprocess.<role>`.
        each: applies a function to each of many things.
        skipped: what the reader has found beside rows.
        notes: what it has done to rows.

    Raises:
        DataError: there is no file of the format, or one is damaged.
    """
    folder = raw / "files"
    read = reader.files(folder, params)
    named = others(reader, folder, params)
    named.update(read_json(raw / "manifest.json").get("left_out", {}))
    return Account(reader.UNIT, len(read), named, sum(each(reader.units, read)), skipped, notes)


def others(reader: Any, folder: Path, params: Preprocess) -> Counter[str]:
    """Count the visible files that a format does not read, by suffix or folder; those that settings name are no such.

    Raises:
        DataError: there is no file of the format.
    """
    read = reader.files(folder, params)
    suffixes = {suffix_of(path) for path in read}
    beside = {folder / name for name in (params.attributes, *params.shipped) if name}
    left = set(visible_files(folder).values()) - {*read, *beside}
    return Counter(_name_of_other(path.relative_to(folder), suffixes) for path in left)


def _name_of_other(path: Path, read: set[str]) -> str:
    """Return what a file that is not read is counted as: by its folder, where others of its suffix are read."""
    suffix = suffix_of(path)
    return f"{path.parts[0]}/ left out" if suffix in read and len(path.parts) > 1 else suffix or NO_SUFFIX


def require_all(chunk: Chunk, good: Chunk, bad: list[BadRow]) -> None:
    """Make sure that cleaning has lost no row of a chunk.

    Raises:
        StageError: it has.
    """
    there, found = len(chunk) + len(chunk.unreadable), len(good) + len(bad)
    if there != found:
        raise _lost(there, found, chunk.sources.tolist())


def require_shards(kept: int, rows: Iterable[int]) -> None:
    """Make sure that all unique rows were written.

    Raises:
        StageError: some were not.
    """
    if kept != (written := sum(rows)):
        raise StageError(got=f"{kept} rows to write, and {written} in the shards", do=TO_DO)


def _lost(there: int, found: int, sources: list[str]) -> StageError:
    where = f"{sources[0]} to {sources[-1]}" if sources else "a part without readable rows"
    return StageError(got=f"{there} rows read and {found} of them accounted for, from {where}", do=TO_DO)
