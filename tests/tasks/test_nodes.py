"""A cluster of several nodes: one is lost, one has other packages, one lacks the data."""

import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from tests.graph_rules import ROOT
from tests.tasks import line
from tests.tasks.ray_nodes import cluster
from tests.tasks.running import lines_of, spread_line, wait_for_an_epoch

pytestmark = pytest.mark.slow

EPOCHS = 24  # of the default line's 70 steps


def default_line(folder: Path) -> Path:
    """The repository's own line up to its training, by two workers."""
    line.create(folder)
    params = line.complete("params.yaml")
    params["train"] |= {"workers": 2}
    params["train"]["fit"] |= {"epochs": EPOCHS, "patience": EPOCHS}
    line.write_params(folder, params)
    shutil.copytree(ROOT / "schemas", folder / "schemas", dirs_exist_ok=True)
    return line.run_all(folder, ["ingest@base", "preprocess@base"])


def test_a_lost_node_costs_one_restart_and_no_byte(tmp_path: Path) -> None:
    undisturbed = default_line(tmp_path / "undisturbed")
    assert line.run(undisturbed, "train").returncode == 0  # on this machine alone

    folder = default_line(tmp_path / "line")
    with cluster(tmp_path) as nodes:
        second = nodes.join()
        stage = line.begin(folder, "train", subprocess.PIPE, **nodes.environment)
        said = lines_of(stage)
        wait_for_an_epoch(said, EPOCHS)
        time.sleep(0.5)  # into the next epoch
        second.lose()
        nodes.join()
        rest = "".join(said)
        assert stage.wait(timeout=400) == 0, rest
    assert rest.count("is process") == 1 and "epoch 1 of" not in rest, rest
    assert line.tree(folder / "models/base") == line.tree(undisturbed / "models/base")


def other_packages(folder: Path) -> str:
    """An interpreter that finds the packages of this one, and another version of numpy before them."""
    packages = folder / f"lib/python{sysconfig.get_python_version()}/site-packages"
    (packages / "numpy-1.0.0.dist-info").mkdir(parents=True)
    (packages / "numpy-1.0.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0.0\n")
    (packages / "rest.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shutil.copyfile(Path(sys.prefix) / "pyvenv.cfg", folder / "pyvenv.cfg")
    (folder / "bin").mkdir()
    python = folder / "bin/python"
    python.symlink_to(Path(sys.executable).resolve())
    return str(python)


def hidden(path: Path) -> tuple[str, ...]:
    """A command before a command that then finds an empty folder at `path`, which all others find as it is."""
    return ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(path))


def replaced(path: Path, by: Path) -> tuple[str, ...]:
    """A command before a command that then finds another file at `path`."""
    return ("unshare", "--mount", "sh", "-c", 'mount --bind "$1" "$0" && shift && exec "$@"', str(path), str(by))


can_mount = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0
needs_mount = pytest.mark.skipif(not can_mount, reason="a file system of one's own is not allowed here")


@needs_mount
def test_nodes_with_other_packages_or_without_the_data_are_named_before_any_work(tmp_path: Path) -> None:
    folder = spread_line(tmp_path / "line")
    with cluster(tmp_path) as nodes:
        nodes.join(python=other_packages(tmp_path / "other"))
        nodes.join(before=hidden(folder / "data/ready/base/train"))
        started = time.monotonic()
        done = line.run(folder, "train", **nodes.environment)
        seconds = time.monotonic() - started
    assert done.returncode == 78, done.stdout
    wrong = [said for said in done.stdout.splitlines() if "127.0.0." in said]
    assert len(wrong) == 2, done.stdout
    assert "127.0.0.3" in wrong[0] and "numpy 1.0.0" in wrong[0]
    assert "127.0.0.4" in wrong[1] and "no data/ready/base/train/image-00000.npy" in wrong[1]
    assert "install requirements.lock on each node" in done.stdout
    assert seconds < 120  # half of it where nothing else runs


@needs_mount
def test_a_worker_that_alone_refuses_its_data_ends_all_of_them(tmp_path: Path) -> None:
    folder = spread_line(tmp_path / "line")
    shard = folder / "data/ready/base/train/image-00000.npy"
    damaged = tmp_path / "damaged.npy"
    damaged.write_bytes(shard.read_bytes()[:-1] + b"\xff")
    with cluster(tmp_path) as nodes:
        nodes.join(before=replaced(shard, damaged))
        done = line.run(folder, "train", **nodes.environment)
    assert done.returncode == 65, done.stdout
    assert "image-00000.npy" in done.stdout and "run `dvc repro` again" in done.stdout
