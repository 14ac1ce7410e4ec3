"""Whatever ends the process of a command, its exit status is one that can be looked up."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.graph_rules import ROOT
from tests.tasks.running import wait_until

SCRIPT = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from tasks.core.watch import watched
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # below nohup it is ignored
def asleep():
    print(os.getpid(), flush=True)
    time.sleep(60)
    return 0
sys.exit(watched(lambda: {work}, "the work", with_parent={with_parent}))
"""


def started(work: str, *, with_parent: bool = True) -> "subprocess.Popen[str]":
    code = SCRIPT.format(root=str(ROOT), work=work, with_parent=with_parent)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize(
    ("work", "status"),
    [("0", 0), ("65", 65), ("sys.exit(2)", 2), ("130", 130), ("137", 1), ("1 / 0", 1), ("os.abort()", 1),
     ("os.kill(os.getpid(), signal.SIGSEGV)", 1), ("os.kill(os.getpid(), signal.SIGTERM)", 130)],
)  # fmt: skip
def test_a_documented_status_is_passed_on_and_any_other_end_becomes_one(work: str, status: int) -> None:
    process = started(work)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == status, said


@pytest.mark.parametrize(("number", "told"), [("SIGSEGV", "crashed in native code"), ("SIGKILL", "out of memory")])
def test_a_death_is_told_with_its_signal_and_what_to_do(number: str, told: str) -> None:
    said, _ = started(f"os.kill(os.getpid(), signal.{number})").communicate(timeout=60)
    assert "the work failed (StageError, exit status 1)" in said
    assert number in said and told in said and "to do:" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_stops_is_passed_on_and_ends_with_130(number: signal.Signals) -> None:
    process = started("asleep()")
    assert process.stdout
    pid = process.stdout.readline().strip()
    process.send_signal(number)
    assert process.wait(timeout=60) == 130 and not Path(f"/proc/{pid}").exists()


def test_kill_9_of_the_watcher_ends_the_work() -> None:
    process = started("asleep()")
    assert process.stdout
    pid = process.stdout.readline().strip()
    process.kill()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), 30, "the end of the work")
