"""A full disk ends a stage with status 1 and the number of free bytes, and takes nothing from the last good data."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tasks import line

PAGE = 4096  # tmpfs gives whole pages


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A working folder on a file system of 1.5 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mount.stderr.strip()}")
    try:
        folder = line.create(tmp_path / "line")
        shutil.copytree(folder, disk / "line", ignore=shutil.ignore_patterns("tasks", "presets"))
        for code in ("tasks", "presets"):  # they lie elsewhere
            shutil.move(folder / code, tmp_path / code)
        yield disk / "line"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def run(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    stage = " ".join(line.command(name)[2:])  # the plan is made before the disk is filled
    return line.run(folder, stage, PYTHONPATH=str(folder.parents[1]), PYTHONDONTWRITEBYTECODE="1")


def plan(folder: Path) -> None:
    assert run(folder, "plan").returncode == 0


def leave_free(folder: Path, free_bytes: int) -> None:
    (folder / "filler").write_bytes(bytes(max(0, shutil.disk_usage(folder).free - free_bytes)))


def require_told(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done.stdout
    assert "bytes free where" in done.stdout or "bytes are free here" in done.stdout
    assert "free some space" in done.stdout


def test_a_file_that_would_not_fit_is_not_begun(small_disk: Path) -> None:
    plan(small_disk)
    assert run(small_disk, "ingest@target").returncode == 0
    before = line.tree(small_disk / "data")
    leave_free(small_disk, 5 * PAGE)
    require_told(run(small_disk, "ingest@target"))
    assert line.tree(small_disk / "data") == before
    assert [path.name for path in (small_disk / "data/raw").iterdir()] == ["target"]


@pytest.mark.parametrize(
    "kind",
    [
        "archive",
        "folder",
    ],
)  # fmt: skip
def test_many_small_files_that_fit_by_their_sum_and_not_by_their_pages(kind: str, small_disk: Path) -> None:
    plan(small_disk)
    assert run(small_disk, "ingest@target").returncode == 0
    before = line.tree(small_disk / "data")
    source = small_disk.parents[1] / "many"
    source.mkdir()
    for number in range(60):
        (source / f"{number}.csv").write_text("1,2\n")
    if kind == "archive":
        shutil.make_archive(str(source), "zip", source)
        source = source.with_suffix(".zip")
    params = line.tiny_params()
    params["ingest"]["target"]["tracked"] = str(source)
    line.write_params(small_disk, params)
    plan(small_disk)
    leave_free(small_disk, 20 * PAGE)
    done = run(small_disk, "ingest@target")
    assert line.tree(small_disk / "data") == before
    assert [path.name for path in (small_disk / "data/raw").iterdir()] == ["target"]
    require_told(done)


@pytest.mark.parametrize("pages", [12, 40])
def test_preprocess_that_runs_out_of_space_on_its_way(pages: int, small_disk: Path) -> None:
    params = line.tiny_params()
    params["preprocess"]["target"]["shard_rows"] = 20  # each block fits, all of them do not
    line.write_params(small_disk, params)
    plan(small_disk)
    assert run(small_disk, "ingest@target").returncode == 0
    assert run(small_disk, "preprocess@target").returncode == 0
    before = line.tree(small_disk / "data")
    leave_free(small_disk, pages * PAGE)
    done = run(small_disk, "preprocess@target")
    assert line.tree(small_disk / "data") == before
    assert [path.name for path in (small_disk / "data/ready").iterdir()] == ["target"]
    require_told(done)
