"""The parameters of version 0.1 become those of this version: shorter, of the same meaning, with their comments."""

import shutil
from pathlib import Path

import pytest

from tasks.commands import line_files
from tasks.core import environment, ray_cluster
from tasks.core.errors import ParamsError
from tasks.core.files import shipped
from tasks.line import params_file
from tests.tasks.test_defaults import COMPLETE, as_known, before, every_file


@every_file
def test_a_file_of_version_0_1_is_shortened_to_the_same_settings(file: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(line_files.params_text(COMPLETE / file))
    assert as_known(params_file.resolved(params_file.read(path)), before(file)) == before(file)
    assert len(path.read_text()) < 0.7 * len((COMPLETE / file).read_text())
    raw = params_file.read(path)
    assert isinstance(raw, dict) and {"tracked", "data"} <= raw["train"].keys()  # type: ignore[union-attr]
    assert line_files.params_text(path) == path.read_text()


def test_comments_stay_beside_the_values_that_stay(tmp_path: Path) -> None:
    text = line_files.params_text(COMPLETE / "params.yaml")
    assert text.startswith("# The whole configuration of one model line")
    assert "filters:" in text and "# about 0.8 s each" in text
    assert "per process; networks of this size" not in text  # of a value that is the default
    assert "the lock that pins the package" not in text  # of a value that is another one now


def test_a_file_of_this_version_is_kept_byte_by_byte(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text((COMPLETE.parents[2] / "params.yaml").read_text() + "# mine, below\n")
    assert line_files.params_text(path) == path.read_text()


def test_the_lock_of_an_environment_is_read_as_the_checkouts_is(tmp_path: Path) -> None:
    lock = tmp_path / "environment.lock"
    lock.write_text(line_files.environment_lock("stages: {}\n"))
    versions = environment.locked_versions(lock)
    assert versions["numpy"] == environment.installed_version("numpy") and "trimline" not in versions
    environment.require_locked_versions(lock)
    environment.require_upgraded(lock)
    lock.write_text(lock.read_text().replace("trimline==", "trimline==9"))
    with pytest.raises(ParamsError, match="trimline upgrade"):
        environment.require_upgraded(lock)


def test_the_lock_of_an_environment_has_the_packages_that_the_line_takes_files_from() -> None:
    lock = line_files.environment_lock("stages: {}\n", ["pytest"])
    assert f"\npytest=={environment.installed_version('pytest')}\n" in lock


def test_another_device_profile_is_another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = line_files.code_sha256()
    devices = Path(shutil.copytree(shipped(line_files.DEVICES), tmp_path / "devices"))
    monkeypatch.setattr(line_files, "shipped", lambda _: devices)
    assert line_files.code_sha256() == before
    first = sorted(devices.iterdir())[0]
    first.write_text(first.read_text() + "# another\n")
    assert line_files.code_sha256() != before


def test_workers_of_ray_import_the_code_that_runs_and_not_that_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ray_cluster.code_folder() == Path(ray_cluster.__file__).parents[2]
    monkeypatch.setattr(ray_cluster, "INSTALLED", True)
    empty = ray_cluster.code_folder()
    assert empty.is_absolute() and list(empty.iterdir()) == []
