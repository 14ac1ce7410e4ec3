"""A reader sees the old artifact or the new one, never a half of either."""

import os
from pathlib import Path

import pytest

from tasks.core.errors import StageError
from tasks.core.files import replacing, require_free_space, sha256_tree, write_json
from tests.tasks import line


class Interruption(Exception):
    pass


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """One old file and one old folder."""
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder/deep").mkdir(parents=True)
    (tmp_path / "folder/deep/a").write_text("old")
    return tmp_path


def test_a_file_takes_the_place_of_a_file_when_the_block_ends_well(home: Path) -> None:
    with replacing(home / "file") as partial:
        partial.write_text("new")
        assert (home / "file").read_text() == "old" and partial.parent == home
    assert line.tree(home) == {"file": b"new", "folder/deep/a": b"old"}


def test_a_folder_takes_the_place_of_a_folder_that_is_not_empty(home: Path) -> None:
    with replacing(home / "folder") as partial:
        partial.mkdir()
        (partial / "b").write_text("new")
        assert (home / "folder/deep/a").read_text() == "old"
    assert line.tree(home) == {"file": b"old", "folder/b": b"new"}
    assert sorted(path.name for path in home.iterdir()) == ["file", "folder"]


def test_missing_parents_are_made(home: Path) -> None:
    with replacing(home / "x/y/file") as partial:
        partial.write_text("new")
    assert (home / "x/y/file").read_text() == "new"


@pytest.mark.parametrize("error", [Interruption, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_content_and_nothing_else(error: type[BaseException], home: Path) -> None:
    before = line.tree(home)
    with pytest.raises(error), replacing(home / "file") as file, replacing(home / "folder") as folder:
        file.write_text("half")
        folder.mkdir()
        (folder / "deep").write_text("half")
        raise error
    assert line.tree(home) == before
    assert sorted(path.name for path in home.iterdir()) == ["file", "folder"]


def test_what_a_killed_attempt_left_is_removed_first(home: Path) -> None:
    (home / ".folder.partial").mkdir()
    (home / ".folder.partial/rubbish").write_text("half")
    (home / ".folder.previous").mkdir()
    (home / ".file.partial").write_text("half")
    with replacing(home / "folder") as folder, replacing(home / "file") as file:
        assert not folder.exists() and not file.exists()
        folder.mkdir()
        file.write_text("new")
    assert line.tree(home) == {"file": b"new"}
    assert sorted(path.name for path in home.iterdir()) == ["file", "folder"]


def test_a_block_that_writes_nothing_leaves_the_old_folder(home: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(home / "folder"):
        pass
    assert (home / "folder/deep/a").read_text() == "old"


def test_a_run_that_was_killed_between_the_renames_has_not_lost_the_last_artifact(home: Path) -> None:
    (home / "folder").rename(home / ".folder.previous")  # where kill -9 may have left it
    with pytest.raises(Interruption), replacing(home / "folder"):
        raise Interruption
    assert (home / "folder/deep/a").read_text() == "old"


def test_sums_name_every_visible_file_in_the_order_of_their_paths(home: Path) -> None:
    (home / ".hidden").write_text("x")
    (home / "folder/.git").mkdir()
    (home / "folder/.git/config").write_text("x")
    (home / "folder-a").write_text("")
    sums = sha256_tree(home)
    assert list(sums) == ["file", "folder-a", "folder/deep/a"]
    assert sums["folder-a"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_number_that_json_lacks_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "metrics.json", {"loss": float("nan")})
    assert not (tmp_path / "metrics.json").exists()


def test_space_is_asked_of_the_file_system_of_the_folder_that_is_to_be_made(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    require_free_space(tmp_path / "not/yet/there", free // 2)
    with pytest.raises(StageError, match=r"(?s)bytes free where .*expected: at least") as caught:
        require_free_space(tmp_path / "not/yet/there", free * 100)
    assert caught.value.exit_status == 1
