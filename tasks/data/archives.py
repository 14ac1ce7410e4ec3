"""Unpacking archives (zip, tar) that may come from strangers."""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, cast

from tasks.core.errors import DataError
from tasks.core.files import is_hidden, require_free_space

DAMAGES = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError
)  # fmt: skip
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_archive(path: Path) -> bool:
    """Tell an archive by its name: a gzipped IDX or CSV file is none."""
    return path.is_file() and path.name.lower().endswith(ARCHIVE_SUFFIXES)


def unpack(archive: Path, folder: Path) -> list[PurePosixPath]:
    """Unpack the regular files of an archive into `folder`, byte for byte; return the hidden ones, which are left out.

    Raises:
        DataError: the archive is damaged, or a member's path leads outside it or is a link or a device.
        StageError: the disk has no room for what the archive says it holds.
    """
    try:
        if archive.name.lower().endswith(".zip"):
            return _unpack_zip(archive, folder)
        return _unpack_tar(archive, folder)
    except (*DAMAGES, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # a fault of the disk, not of the archive
            raise
        raise DataError(
            got=f"{archive.name}: {error}",
            expected="a complete zip or tar archive without a password",
            do="download or pack it again, and compare its checksum with its source's",
        ) from None


def _unpack_zip(archive: Path, folder: Path) -> list[PurePosixPath]:
    with zipfile.ZipFile(archive) as file:
        members = [member for member in file.infolist() if not member.is_dir()]
        for member in members:
            _require_inside(archive, member.filename, is_regular=(member.external_attr >> 28) in {0, 8})
        hidden = [path for path in (PurePosixPath(member.filename) for member in members) if is_hidden(path)]
        members = [member for member in members if not is_hidden(PurePosixPath(member.filename))]
        require_free_space(folder, sum(member.file_size for member in members))
        for member in members:
            with file.open(member) as source:
                _write(source, folder / member.filename)
    return hidden


def _unpack_tar(archive: Path, folder: Path) -> list[PurePosixPath]:
    with tarfile.open(archive) as file:
        members = [member for member in file if not member.isdir()]
        for member in members:
            _require_inside(archive, member.name, is_regular=member.isreg())
        hidden = [path for path in (PurePosixPath(member.name) for member in members) if is_hidden(path)]
        members = [member for member in members if not is_hidden(PurePosixPath(member.name))]
        require_free_space(folder, sum(member.size for member in members))
        for member in members:
            with cast(IO[bytes], file.extractfile(member)) as source:  # a regular file: never None
                _write(source, folder / member.name)
        while cast(IO[bytes], file.fileobj).read(1 << 20):  # the checksum of what was unpacked stands at the very end
            pass
    return hidden


def _write(source: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(source, file)


def _require_inside(archive: Path, name: str, *, is_regular: bool) -> None:
    path = PurePosixPath(name)
    if is_regular and not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name:
        return
    raise DataError(
        got=f"{archive.name} holds {name!r}, " + ("a path outside the archive" if is_regular else "a link or device"),
        expected="regular files with paths inside the archive",
        do="do not trust this archive: get it from its source again, or pack the files into a new one",
    )
