"""`ingest` brings raw data in without changing a byte, and keeps the last good data where it cannot."""

import hashlib
import os
import subprocess
import zipfile
from importlib import util
from pathlib import Path

import pytest

from tasks.core.errors import DataError, ParamsError
from tasks.core.files import read_json
from tasks.core.params.data import PackageSource, PathSource
from tasks.ingest import ingest
from tests.tasks import line


def path_source(path: Path) -> PathSource:
    return PathSource(source="path", tracked=str(path))


def package(name: str, path: str) -> PackageSource:
    return PackageSource(source="package", package=name, path=path, tracked="plan/ingest/base.json")


def test_a_file_of_a_package_comes_in_byte_for_byte(tmp_path: Path) -> None:
    ingest(package("sklearn", "datasets/data/digits.csv.gz"), raw=tmp_path / "raw")
    spec = util.find_spec("sklearn")
    assert spec and spec.origin
    original = Path(spec.origin).parent / "datasets/data/digits.csv.gz"
    assert (tmp_path / "raw/files/digits.csv.gz").read_bytes() == original.read_bytes()


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("no_such_package", "x.csv", "'no_such_package', which is not installed"),
        ("sklearn", "datasets/data/no.csv", "no file 'datasets/data/no.csv'"),
        ("json.tool", "x", "not installed"),
    ],
)
def test_a_missing_package_or_file_of_it_is_a_fault_of_the_parameters(
    name: str, path: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ParamsError) as caught:
        ingest(package(name, path), raw=tmp_path / "raw")
    assert said in caught.value.got
    assert not any(tmp_path.iterdir())


def test_a_folder_comes_in_whole_with_the_right_sums(tmp_path: Path) -> None:
    source = tmp_path / "source"
    contents = {"a.bin": bytes(range(256)) * 5000, "deep/b.txt": b"line\r\nline\n", "deep/er/empty": b""}
    for name, content in contents.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    (source / ".DS_Store").write_bytes(b"rubbish")
    ingest(path_source(source), raw=tmp_path / "raw")
    assert line.tree(tmp_path / "raw/files") == contents
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert read_json(tmp_path / "raw/manifest.json") == {"files": sums, "left_out": {".DS_Store": 1}}


def test_a_single_file_comes_in_under_its_name(tmp_path: Path) -> None:
    source = line.csv_of(tmp_path, line.digits(0, 3))
    ingest(path_source(source), raw=tmp_path / "raw")
    assert line.tree(tmp_path / "raw/files") == {"rows.csv": source.read_bytes()}


def test_two_runs_give_equal_bytes(tmp_path: Path) -> None:
    source = line.csv_of(tmp_path / "source", line.digits(0, 3)).parent
    ingest(path_source(source), raw=tmp_path / "one")
    ingest(path_source(source), raw=tmp_path / "two")
    assert line.tree(tmp_path / "one") == line.tree(tmp_path / "two")


@pytest.mark.parametrize(("make", "said"), [(False, "nothing at"), (True, "an empty folder at")])
def test_a_source_that_is_not_there_is_refused(make: bool, said: str, tmp_path: Path) -> None:
    if make:
        (tmp_path / "source").mkdir()
    with pytest.raises(DataError) as caught:
        ingest(path_source(tmp_path / "source"), raw=tmp_path / "raw")
    assert said in caught.value.got
    assert not (tmp_path / "raw").exists()


def test_a_folder_of_hidden_files_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/.hidden").write_text("x")
    with pytest.raises(DataError, match="no file in source"):
        ingest(path_source(tmp_path / "source"), raw=tmp_path / "raw")


def test_a_failing_ingest_leaves_the_last_data_untouched(folder: Path) -> None:
    assert line.run(folder, "ingest@target").returncode == 0
    before = line.tree(folder / "data")
    (folder / "incoming/target.csv").unlink()
    done = line.run(folder, "ingest@target")
    assert done.returncode == 65
    assert "ingest@target failed (DataError, exit status 65)" in done.stdout
    assert all(part in done.stdout for part in ("got: ", "expected: ", "to do: "))
    assert line.tree(folder / "data") == before


def test_new_data_replace_the_old_ones_entirely(tmp_path: Path) -> None:
    ingest(path_source(line.csv_of(tmp_path, line.digits(0, 3), "old.csv")), raw=tmp_path / "raw")
    ingest(path_source(line.csv_of(tmp_path, line.digits(0, 3), "new.csv")), raw=tmp_path / "raw")
    assert sorted(line.tree(tmp_path / "raw")) == ["files/new.csv", "manifest.json"]


def folder_with_links(tmp_path: Path) -> Path:
    """Two classes, of which one is a link to a folder of the same source."""
    for name in ("pool/cats/1.txt", "pool/dogs/2.txt", "elsewhere/3.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "pool/copies").symlink_to("cats")
    (tmp_path / "pool/one.txt").symlink_to("dogs/2.txt")
    return tmp_path / "pool"


def test_links_to_files_and_folders_of_the_source_are_followed(tmp_path: Path) -> None:
    ingest(path_source(folder_with_links(tmp_path)), raw=tmp_path / "raw")
    assert sorted(line.tree(tmp_path / "raw/files")) == ["cats/1.txt", "copies/1.txt", "dogs/2.txt", "one.txt"]
    assert not any(path.is_symlink() for path in (tmp_path / "raw").rglob("*"))


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("away", "../elsewhere"), ("away.txt", "../elsewhere/3.txt"), ("nothing", "not_there"), ("cats/up", ".."),
        ("itself", "itself"), ("dogs/around", "../cats/back"),
    ],
)  # fmt: skip
def test_a_link_out_of_the_source_or_round_in_a_circle_is_refused(name: str, target: str, tmp_path: Path) -> None:
    source = folder_with_links(tmp_path)
    (source / name).symlink_to(target)
    if name == "dogs/around":
        (source / "cats/back").symlink_to("../dogs")
    with pytest.raises(DataError) as caught:
        ingest(path_source(source), raw=tmp_path / "raw")
    assert f"{name} -> {target}" in caught.value.got and "symbolic link" in caught.value.got
    assert not (tmp_path / "raw").exists()


def test_a_copy_without_links_is_taken_as_the_refusal_says(tmp_path: Path) -> None:
    source = folder_with_links(tmp_path)
    (source / "away").symlink_to("../elsewhere")
    with pytest.raises(DataError, match=r"cp -rL FOLDER COPY"):
        ingest(path_source(source), raw=tmp_path / "raw")
    subprocess.run(["cp", "-rL", str(source), str(tmp_path / "copy")], check=True)
    ingest(path_source(tmp_path / "copy"), raw=tmp_path / "raw")
    assert (tmp_path / "raw/files/away/3.txt").read_text() == "elsewhere/3.txt"


def test_a_folder_that_dvc_links_into_its_cache_is_taken(tmp_path: Path) -> None:
    cached = tmp_path / "cache/files/md5/ab" / ("0123456789abcdef" * 2)[:30]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"content")
    (tmp_path / "source/cat").mkdir(parents=True)
    (tmp_path / "source/cat/1.jpg").symlink_to(cached)
    ingest(path_source(tmp_path / "source"), raw=tmp_path / "raw")
    assert line.tree(tmp_path / "raw/files") == {"cat/1.jpg": b"content"}


def test_a_source_that_is_a_link_itself_is_a_folder_like_others(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder_with_links(tmp_path))
    ingest(path_source(tmp_path / "link"), raw=tmp_path / "raw")
    assert len(line.tree(tmp_path / "raw/files")) == 4


def test_what_is_hidden_is_left_out_and_counted(tmp_path: Path) -> None:
    names = ["a/1.jpg", "a/._1.jpg", "a/.DS_Store", "__MACOSX/a/._1.jpg", ".git/HEAD", ".git/objects/x", "b/.hidden"]
    for name in names:
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_text(name)
    os.mkfifo(tmp_path / "source/a/pipe")
    expected = {"._*": 1, ".DS_Store": 1, "__MACOSX/": 1, ".git/": 2, ".*": 1}
    ingest(path_source(tmp_path / "source"), raw=tmp_path / "raw")
    manifest = read_json(tmp_path / "raw/manifest.json")
    assert manifest["left_out"] == {**expected, "neither file nor folder": 1} and list(manifest["files"]) == ["a/1.jpg"]
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as archive:
        for name in names:
            archive.write(tmp_path / "source" / name, name)
    ingest(path_source(tmp_path / "source.zip"), raw=tmp_path / "raw")
    assert read_json(tmp_path / "raw/manifest.json")["left_out"] == expected


def test_names_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    name = os.fsencode(tmp_path / "source") + b"/caf\xe9.jpg"
    try:
        Path(os.fsdecode(name)).write_text("x")
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(DataError, match=r"1 names of files that are not UTF-8: .*caf"):
        ingest(path_source(tmp_path / "source"), raw=tmp_path / "raw")
