import json
import re
import sys
import time
from pathlib import Path

import pytest

from flows import dvc
from flows.errors import Busy, CommandFailed, StageFailed
from tests.flows import processes, toy


def test_the_order_is_the_one_in_which_dvc_repro_runs_the_stages(root: Path) -> None:
    said = toy.run(root, "dvc", "repro").stdout
    assert dvc.stages(root) == re.findall(r"Running stage '(.+)':", said)


def test_files_tracked_by_dvc_add_are_no_stages(root: Path) -> None:
    toy.run(root, "git", "rm", "--quiet", "--cached", "data/raw/input.txt")
    toy.run(root, "dvc", "add", "--quiet", "data/raw/input.txt")
    assert sorted(dvc.stages(root)) == ["copy@a", "copy@b", "late", "make", "release", "report"]


def test_a_failed_stage_carries_its_own_status_and_its_last_words(root: Path) -> None:
    toy.add_stage(root, "bad", "echo got nothing && exit 65")
    with pytest.raises(StageFailed) as caught:
        list(dvc.reproduce(root, "bad"))
    assert (caught.value.exit_status, type(caught.value)) == (65, StageFailed)
    assert "got nothing" in str(caught.value)


def test_a_stage_killed_by_a_signal_is_told_from_one_that_failed(root: Path) -> None:
    toy.add_stage(root, "killed", "kill -9 $$")
    with pytest.raises(StageFailed) as caught:
        list(dvc.reproduce(root, "killed"))
    assert (caught.value.status, caught.value.exit_status) == (-9, 1)  # 137 would be no documented one
    assert "ended with status -9" in str(caught.value)


def test_status_75_means_busy(root: Path) -> None:
    toy.add_stage(root, "busy", "exit 75")
    with pytest.raises(Busy):
        list(dvc.reproduce(root, "busy"))


def test_a_stage_that_runs_elsewhere_is_busy(root: Path) -> None:
    toy.add_endless_stage(root)
    with processes.started(root, sys.executable, "-m", "dvc", "repro", "--single-item", "endless"):
        processes.stage_pids(root)
        with pytest.raises(Busy):
            list(dvc.reproduce(root, "endless"))


def test_closing_the_lines_ends_the_stage_and_all_its_children_within_2_s(root: Path) -> None:
    toy.add_endless_stage(root)
    lines = dvc.reproduce(root, "endless")
    next(lines)
    pids = processes.stage_pids(root)
    start = time.monotonic()
    lines.close()
    assert time.monotonic() - start < 2.0
    assert not processes.any_alive(pids)


def test_half_a_lock_record_is_removed_when_no_dvc_works_here(root: Path) -> None:
    record = root / ".dvc" / "tmp" / "rwlock"
    record.parent.mkdir()
    record.write_text('{"write": {"/a/b')
    lines = list(dvc.reproduce(root, "make"))
    assert lines[0].startswith(f"removed {record}")
    assert json.loads(record.read_text()) == {}


def test_half_a_lock_record_stays_while_dvc_works_here(root: Path) -> None:
    toy.add_endless_stage(root)
    with processes.started(root, sys.executable, "-m", "dvc", "repro", "--single-item", "endless"):
        processes.stage_pids(root)
        record = root / ".dvc" / "tmp" / "rwlock"
        record.write_text('{"write": {"/a/b')
        with pytest.raises(Busy, match="is damaged"):
            list(dvc.reproduce(root, "make"))
        assert record.exists()


def test_only_what_is_missing_is_restored_from_the_remote(root: Path, tmp_path: Path) -> None:
    toy.run(root, "dvc", "repro", "--quiet")
    toy.run(root, "dvc", "remote", "add", "--quiet", "--default", "store", str(tmp_path / "store"))
    assert list(dvc.push(root))
    toy.run(root, "rm", "-rf", "made", ".dvc/cache")
    (root / "late").write_text("half of what a killed stage would have written")
    list(dvc.restore(root, shared_cache=False))
    assert (root / "made").read_text() == "raw\nraw\n"
    assert (root / "late").read_text().startswith("half")


def test_a_broken_graph_is_reported_in_dvcs_words(root: Path) -> None:
    (root / "dvc.yaml").write_text("stages: [")
    with pytest.raises(CommandFailed, match=r"dvc\.yaml"):
        dvc.stages(root)
