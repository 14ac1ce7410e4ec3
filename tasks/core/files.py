"""Files: atomic writing, digests, the files that Trimline ships.

In a checkout they lie at the top of the repository; a wheel has a copy of them beside the package's modules (setup.py).
"""

import csv
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import tasks
from tasks.core.errors import StageError

SHA256_CHUNK_BYTES = 1 << 20


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write a file or folder to; it takes the target's place when the block ends well.

    `.dvcignore` names both temporary forms, so that what a killed attempt left is never hashed into an artifact.
    One attempt at a time: the stage runner holds a lock.
    """
    partial = target.with_name(f".{target.name}.partial")
    previous = target.with_name(f".{target.name}.previous")
    target.parent.mkdir(parents=True, exist_ok=True)
    _put_back(previous, target)
    remove(partial)
    try:
        yield partial
        if target.is_dir():  # a folder that is not empty cannot be renamed over
            target.rename(previous)
        partial.replace(target)
    finally:
        _put_back(previous, target)
        remove(partial)


def _put_back(previous: Path, target: Path) -> None:
    """Give the target's place back to the last good folder where no new one took it, also after kill -9."""
    if previous.exists() and not target.exists():
        previous.rename(target)
    remove(previous)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that it holds; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(SHA256_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def is_hidden(path: PurePath) -> bool:
    """Whether a part of a relative path starts with a dot, or is what a Mac packs beside the files."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def visible_files(folder: Path) -> dict[str, Path]:
    """Return every file under `folder` that is not hidden, by its path relative to it, sorted."""
    files = (path for path in folder.rglob("*") if path.is_file())
    relative = {path.relative_to(folder): path for path in files}
    return dict(sorted((name.as_posix(), path) for name, path in relative.items() if not is_hidden(name)))


def sha256_tree(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of `visible_files`."""
    return {name: sha256(path) for name, path in visible_files(folder).items()}


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON that a person can read and git can compare; the keys keep their order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a CSV file as `dvc plots` takes it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def read_json(path: Path) -> Any:
    """Read a JSON file that another stage wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def require_free_space(folder: Path, needed_bytes: int) -> None:
    """Refuse to start writing what would not fit.

    Raises:
        StageError: the file system of `folder` has less than `needed_bytes` free.
    """
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < needed_bytes:
        raise StageError(
            got=f"{free_bytes:,} bytes free where {folder} lies",
            expected=f"at least {needed_bytes:,} bytes",
            do="free some space (`dvc gc --workspace` drops old artifacts from the cache) and run the command again",
        )


PACKAGE = Path(tasks.__file__).resolve().parent


def shipped(name: str) -> Path:
    """Return the path of a file or folder of the shipped line, such as `presets/devices/phone_cpu.yaml`.

    Raises:
        StageError: the installation has no such file.
    """
    path = root() / name
    if not path.exists():
        raise StageError(
            got=f"no {name} in the installed package, {root()}",
            do="install Trimline again: pip install --force-reinstall --no-deps trimline",
        )
    return path


def root() -> Path:
    """Return the folder that the shipped line's files lie in."""
    packaged = PACKAGE / "shipped_line"
    return packaged if packaged.is_dir() else PACKAGE.parent
