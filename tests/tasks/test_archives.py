"""Archives may come from strangers, and may have been damaged on the way."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tasks.core.errors import DataError
from tasks.core.params.data import PathSource
from tasks.ingest import ingest
from tests.tasks import line

CONTENTS = {"train/a.csv": b"1,2\r\n" * 3000, "train/deep/b.bin": bytes(range(256)) * 300}
TARS = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def packed(path: Path, contents: dict[str, bytes]) -> Path:
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("train/", b"")
            for name, content in contents.items():
                archive.writestr(name, content)
        return path
    mode = next(mode for suffix, mode in TARS.items() if path.name.endswith(suffix))
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def bring_in(archive: Path) -> Path:
    ingest(PathSource(source="path", tracked=str(archive)), raw=archive.parent / "raw")
    return archive.parent / "raw/files"


def refused(archive: Path) -> str:
    """What is said of an archive that is refused, after which nothing of it is left, here or elsewhere."""
    before = line.tree(archive.parent.parent)
    with pytest.raises(DataError) as caught:
        bring_in(archive)
    assert line.tree(archive.parent.parent) == before
    assert not (archive.parent / "raw").exists()
    return caught.value.got


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    return tmp_path / "inner"


@pytest.mark.parametrize("suffix", [".zip", ".ZIP", *TARS])
def test_an_archive_is_unpacked_byte_for_byte(suffix: str, inner: Path) -> None:
    assert line.tree(bring_in(packed(inner / f"data{suffix}", CONTENTS))) == CONTENTS


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
@pytest.mark.parametrize("name", ["../outside.txt", "a/../../outside.txt", "/tmp/trimline_outside.txt", "..\\outside"])
def test_a_path_outside_the_archive_is_refused_before_anything_is_written(suffix: str, name: str, inner: Path) -> None:
    said = refused(packed(inner / f"data{suffix}", {"good.txt": b"good", name: b"bad"}))
    assert repr(name) in said and "a path outside the archive" in said
    assert not Path("/tmp/trimline_outside.txt").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_or_device_in_a_tar_is_refused(kind: bytes, inner: Path) -> None:
    with tarfile.open(inner / "data.tar", "w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    assert "'link', a link or device" in refused(inner / "data.tar")


def test_a_symlink_in_a_zip_is_refused(inner: Path) -> None:
    with zipfile.ZipFile(inner / "data.zip", "w") as archive:
        member = zipfile.ZipInfo("link")
        member.create_system, member.external_attr = 3, 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    assert "'link', a link or device" in refused(inner / "data.zip")


@pytest.mark.parametrize("suffix", [".zip", *TARS])
def test_an_archive_that_is_cut_short_is_refused(suffix: str, inner: Path) -> None:
    archive = packed(inner / f"data{suffix}", CONTENTS)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    assert refused(archive).startswith(archive.name)


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tar.bz2", ".tar.xz"])
@pytest.mark.parametrize("place", [0.3, 0.6, "near the end"])
def test_an_archive_with_rotten_bytes_is_refused(suffix: str, place: float | str, inner: Path) -> None:
    archive = packed(inner / f"data{suffix}", {"a.csv": "\n".join(line.digits(0, 200)).encode()})
    content = bytearray(archive.read_bytes())
    middle = int(place * len(content)) if isinstance(place, float) else {".zip": len(content) // 2}.get(
        suffix, len(content) - 8
    )  # fmt: skip
    content[middle : middle + 4] = bytes(byte ^ 0xFF for byte in content[middle : middle + 4])
    archive.write_bytes(content)
    assert refused(archive).startswith(archive.name)


def test_what_is_no_archive_at_all_is_refused(inner: Path) -> None:
    (inner / "data.zip").write_text("<html>404</html>")
    (inner / "data.tar.gz").write_text("<html>404</html>")
    assert "zip file" in refused(inner / "data.zip")
    refused(inner / "data.tar.gz")


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_an_empty_archive_is_refused(suffix: str, inner: Path) -> None:
    assert refused(packed(inner / f"data{suffix}", {})) == f"no file in data{suffix}"


def test_a_gzipped_file_that_is_no_archive_stays_as_it_is(inner: Path) -> None:
    (inner / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8bwhatever")
    assert line.tree(bring_in(inner / "train-images-idx3-ubyte.gz")) == {
        "train-images-idx3-ubyte.gz": b"\x1f\x8bwhatever"
    }
