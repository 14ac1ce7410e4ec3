"""`ingest` brings raw data in without changing a byte, and keeps the last good data where it cannot."""

import hashlib
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
