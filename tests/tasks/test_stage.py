"""What every stage does around its work: one run at a time, the locked versions, no orphans, short messages."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.core.environment import COMPUTING_PACKAGES, DATA_PACKAGES, describe, locked_versions, require_locked_versions
from tests.graph_rules import ROOT
from tests.tasks import line

HOLD = """
import sys, time
from tasks.core import environment
environment.die_with_parent()
with environment.only_one("ingest@target"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_stage_that_runs_already_is_refused_with_the_other_process_and_75(folder: Path) -> None:
    holder = line.start(folder, [sys.executable, "-c", HOLD])
    try:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        done = line.run(folder, "ingest@target")
        assert done.returncode == 75
        assert f"process {holder.pid} is running ingest@target" in done.stdout
        assert not (folder / "data").exists()
        assert line.run(folder, "ingest@base").returncode == 0  # another stage is free to run
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert line.run(folder, "ingest@target").returncode == 0  # a killed holder holds nothing


@pytest.mark.parametrize("package", ["numpy", "tensorflow"])
def test_another_version_of_a_computing_package_than_the_locks_is_refused_with_78(package: str, folder: Path) -> None:
    lock = folder / "requirements.lock"
    text = re.sub(rf"(?m)^{package}==\S+", f"{package}==0.0.1", lock.read_text())
    assert text != lock.read_text()
    lock.write_text(text)
    done = line.run(folder, "ingest@target")
    assert done.returncode == 78
    assert f"got:      {package} {locked_versions(ROOT / 'requirements.lock')[package]}" in done.stdout
    assert f"{package} 0.0.1" in done.stdout and not (folder / "data").exists()


def test_another_version_of_a_package_that_computes_nothing_is_no_matter(folder: Path) -> None:
    lock = folder / "requirements.lock"
    lock.write_text(re.sub(r"(?m)^ruff==\S+", "ruff==0.0.1", lock.read_text()))
    assert "ruff==0.0.1" in lock.read_text()
    require_locked_versions(lock)


def test_the_lock_pins_every_computing_package_and_the_description_names_them() -> None:
    computing = set(COMPUTING_PACKAGES.values())
    assert set(locked_versions(ROOT / "requirements.lock")) == computing | set(DATA_PACKAGES)
    assert set(describe()) == {*computing, "python", "machine", "cpu_features"}


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_stage_dies_with_the_process_that_started_it(folder: Path) -> None:
    parent_code = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    parent = line.start(folder, [sys.executable, "-c", parent_code, HOLD])
    assert parent.stdout and parent.stdout.readline() == "held\n"
    stage = int((folder / ".trimline/locks/ingest@target.lock").read_text())
    assert Path(f"/proc/{stage}").exists() and stage != parent.pid
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _runs(stage):
        time.sleep(0.05)
    assert not _runs(stage)


def _runs(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_failure_is_said_in_one_screen_and_the_traceback_only_on_request(folder: Path) -> None:
    (folder / "incoming/target.csv").unlink()
    quiet = line.run(folder, "ingest@target")
    loud = line.run(folder, "ingest@target", TRIMLINE_TRACEBACK="1")
    assert quiet.returncode == loud.returncode == 65
    assert "Traceback" not in quiet.stdout and len(quiet.stdout.splitlines()) <= 10
    assert "Traceback (most recent call last)" in loud.stdout and "sources/path.py" in loud.stdout
    assert quiet.stdout in loud.stdout


def test_a_fault_of_the_program_is_told_as_one_with_the_way_to_report_it(folder: Path) -> None:
    (folder / "tasks/data/sources/path.py").write_text("def locate(source, scratch):\n    return 1 // 0\n")
    done = line.run(folder, "ingest@target")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout and "TRIMLINE_TRACEBACK=1" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_path_that_is_left_out_is_asked_for() -> None:
    words = [sys.executable, "-m", "tasks.commands.stage", "ingest", "--plan", "plan/ingest/base.json"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--raw" in done.stderr


def test_every_stage_explains_itself() -> None:
    words = [sys.executable, "-m", "tasks.commands.stage", "preprocess", "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "quarantine.csv" in done.stdout and all(option in done.stdout for option in ("--raw", "--schema", "--ready"))
