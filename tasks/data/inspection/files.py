"""The files that lie at a path: a folder's, an archive's, or the one that it is."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.core.errors import DataError
from tasks.core.files import visible_files
from tasks.data import archives
from tasks.data.records import SplitName

PACKED = ".gz"
SHOWN_SUFFIXES = 8
# What people call the parts of their data. A prefix or suffix of a file's name counts too: sms_train.csv.
SPLIT_NAMES: dict[str, SplitName] = {
    "train": "train", "training": "train", "trainset": "train",
    "validation": "validation", "val": "validation", "valid": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "holdout": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Files:
    """Files below one folder.

    Attributes:
        source: the path that the user named.
        root: the folder that they lie in, unpacked where they were an archive.
        paths: of the files that are not hidden, relative to it.
    """

    source: Path
    root: Path
    paths: tuple[Path, ...]

    def ending(self, suffixes: Iterable[str]) -> list[Path]:
        """Return the files with one of some suffixes, `.csv` as well as `.CSV` and `.csv.gz`."""
        wanted = set(suffixes)
        return [path for path in self.paths if suffix_of(path) in wanted]

    def counted(self, but: Iterable[Path] = ()) -> str:
        """Say how many files of which suffix there are, but some."""
        left = set(self.paths) - set(but)
        counts = Counter(suffix_of(path) or "no suffix" for path in left).most_common(SHOWN_SUFFIXES)
        return ", ".join(f"{count:,} {suffix}" for suffix, count in counts)


@contextmanager
def found_at(source: Path) -> Iterator[Files]:
    """List what lies at a path; an archive is unpacked into a folder that goes when the block ends.

    Raises:
        DataError: there is nothing, or the archive is damaged.
    """
    if not source.exists():
        raise DataError(got=f"nothing at {source}", do="name the folder, archive or file that your data are in")
    if not archives.is_archive(source):
        yield _listed(source, source if source.is_dir() else source.parent)
        return
    with TemporaryDirectory(prefix="trimline-") as scratch:
        archives.unpack(source, Path(scratch))
        yield _listed(source, Path(scratch))


def _listed(source: Path, root: Path) -> Files:
    paths = (source.relative_to(root),) if source.is_file() and root == source.parent else tuple(_below(root))
    if not paths:
        raise DataError(got=f"no file in {source}", do="name the folder, archive or file that your data are in")
    return Files(source, root, paths)


def _below(root: Path) -> Iterator[Path]:
    return (Path(name) for name in visible_files(root))


def suffix_of(path: Path) -> str:
    """Return the suffix of a name in lower case, that before `.gz` where it is packed."""
    name = path.name.lower().removesuffix(PACKED)
    return Path(name).suffix


def stem_of(path: Path) -> str:
    """Return a file's name without its suffixes."""
    name = path.name
    for _ in range(2 if name.lower().endswith(PACKED) else 1):
        name = Path(name).stem
    return name


def split_of(path: Path) -> SplitName | None:
    """Return the split that a file's name or a folder above it names, whatever the case; None where neither does."""
    words = stem_of(path).casefold().replace("-", "_").split("_")
    for word in (words[0], words[-1], *(folder.casefold() for folder in reversed(path.parts[:-1]))):
        if word in SPLIT_NAMES:
            return SPLIT_NAMES[word]
    return None
