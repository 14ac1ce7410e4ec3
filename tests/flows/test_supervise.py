import signal
import sys
import time
from pathlib import Path

import pytest

from flows import subprocesses
from tests.flows import processes

HOLDER = """
import sys, time
from pathlib import Path
from flows import subprocesses
with subprocesses.supervised(["sh", "tree.sh"], Path.cwd(), output=1):
    time.sleep(300)
"""
TREE = "setsid sh -c 'echo $$ >> pids; exec sleep 300' &\ntrap '' TERM\necho $$ >> pids\nwhile :; do sleep 0.2; done\n"


def test_kill_9_of_the_parent_ends_the_whole_tree(tmp_path: Path) -> None:
    """Also what ignores SIGTERM, and what has left the process group."""
    (tmp_path / "tree.sh").write_text(TREE)
    with processes.started(tmp_path, sys.executable, "-c", HOLDER) as holder:
        processes.stage_pids(tmp_path)
        holder.process.kill()
        assert processes.wait_until(lambda: not holder.alive(), 5, "the tree to end") < 2.0


def test_no_process_id_stays_taken_after_the_end(tmp_path: Path) -> None:
    """DVC takes the locks of an id that exists for those of a process at work, be it a zombie."""
    (tmp_path / "tree.sh").write_text(TREE)
    with subprocesses.supervised(["sh", "tree.sh"], tmp_path):
        pids = processes.stage_pids(tmp_path)
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def test_what_a_command_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    list(subprocesses.lines("leaver", ["sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $! > pids"], tmp_path))
    assert not processes.any_alive([int((tmp_path / "pids").read_text())])


def test_the_status_is_the_commands_own(tmp_path: Path) -> None:
    with subprocesses.supervised(["sh", "-c", "exit 78"], tmp_path) as process:
        assert process.wait() == 78
    with subprocesses.supervised(["sh", "-c", "kill -9 $$"], tmp_path) as process:
        assert process.wait() == 128 + signal.SIGKILL


def test_a_supervised_command_sees_no_pythonpath_and_our_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    said = list(subprocesses.lines("which", ["sh", "-c", 'echo "<$PYTHONPATH>"; command -v python'], tmp_path))
    assert said == ["<>", str(Path(sys.executable).with_name("python"))]


def test_supervision_costs_less_than_half_a_second(tmp_path: Path) -> None:
    start = time.monotonic()
    list(subprocesses.lines("true", ["true"], tmp_path))
    assert time.monotonic() - start < 0.5
