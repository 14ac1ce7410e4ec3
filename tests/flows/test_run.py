import contextlib
import os
import pty
import signal
import subprocess
import termios
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from tests.flows import processes, toy

COMMAND = (*toy.TRIMLINE, "run")


def on_server(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let started commands use the tests' server, which saves them eight seconds."""
    monkeypatch.setenv(PREFECT_API_URL.name, api)


def finish(root: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and output of the command line."""
    with processes.started(root, *COMMAND, *arguments) as command:
        return command.process.wait(timeout=120), command.output.read_text()


def test_a_failed_stage_gives_its_status_and_one_screen_without_a_traceback(
    root: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_server(api, monkeypatch)
    (root / "bad.sh").write_text(
        "echo INFO: Created a delegate\necho W: odd\necho got a cat, expected a dog\nexit 65\n"
    )
    toy.add_stage(root, "bad", "sh bad.sh")
    status, said = finish(root, "--stages", "bad")
    assert status == 65
    assert "stage 'bad' ended with status 65" in said
    assert "got a cat, expected a dog" in said
    assert "Traceback" not in said
    assert "bad | W: odd" in said and "bad | INFO" not in said
    assert len(said.splitlines()) < 25


def test_the_result_table_comes_last(root: Path, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on_server(api, monkeypatch)
    toy.run(root, "dvc", "repro", "--quiet")
    status, said = finish(root, "--stages", "release")
    assert status == 0
    assert said.endswith("| bytes |\n|---|\n| 16 |\n\nThe whole report: reports/report.html\n")


def on_terminal(root: Path, *arguments: str) -> str:
    """What the command writes to a terminal of 100 columns."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (40, 100))
    with subprocess.Popen([*COMMAND, *arguments], cwd=root, stdin=its, stdout=its, stderr=its) as command:
        os.close(its)
        said = b""
        with contextlib.suppress(OSError):  # Linux says so that the other end is closed
            while part := os.read(ours, 1 << 16):
                said += part
        assert command.wait(timeout=120) == 0
    os.close(ours)
    return said.decode()


def test_a_terminal_has_a_line_for_each_stage(root: Path, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on_server(api, monkeypatch)
    said = on_terminal(root)
    lines = [line.rpartition("\r\x1b[K")[2].rstrip() for line in said.split("\r\n")]
    begin = lines.index("stage 1 of 6: make")
    assert lines[begin : begin + 6] == [
        "stage 1 of 6: make", "stage 2 of 6: copy@b  [ 50%] half", "stage 3 of 6: copy@a  [ 50%] half",
        "stage 4 of 6: late", "stage 5 of 6: report", "stage 6 of 6: release",
    ]  # fmt: skip
    assert "\n| bytes |" in said and "Finished in state" not in said and "Running stage" not in said


def test_a_release_that_is_refused_fails_after_the_results_are_shown(
    root: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_server(api, monkeypatch)
    (root / "data/raw/input.txt").write_text("")
    toy.run(root, "dvc", "repro", "--quiet", "report")
    status, said = finish(root, "--stages", "report,release")
    assert status == 1
    results, _, failure = said.partition("stage 'release' ended with status 1")
    assert results.endswith("| bytes |\n|---|\n| 0 |\n\nThe whole report: reports/report.html\n\n")
    assert "the verdict is no" in failure


def test_a_bad_override_is_told_by_the_command_line(root: Path) -> None:
    assert finish(root, "--set", "make.times")[0] == 2


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_cancelling_the_flow_ends_all_children_within_2_s(
    root: Path, api: str, monkeypatch: pytest.MonkeyPatch, signum: signal.Signals
) -> None:
    on_server(api, monkeypatch)
    toy.add_endless_stage(root)
    with processes.started(root, *COMMAND, "--stages", "endless") as command:
        pids = processes.stage_pids(root)
        command.process.send_signal(signum)
        assert processes.wait_until(lambda: not processes.any_alive(pids), 10, "the stage to end") < 2.0
        processes.wait_until(lambda: not command.alive(), 20, "the flow to end")
        assert "Traceback" not in command.output.read_text()


@pytest.mark.slow
def test_kill_9_of_the_flow_leaves_no_process_and_the_next_run_ends_with_the_same_bytes(
    root: Path, tmp_path: Path
) -> None:
    """With a Prefect server of its own, which has to go as well."""
    write = (
        "import time; file = open('slow', 'w'); file.write('half '); file.flush(); time.sleep(2); file.write('whole')"
    )
    (root / "slow.py").write_text(write)
    toy.add_stage(root, "slow", "python slow.py")
    with processes.started(root, *COMMAND, "--stages", "make,slow") as command:
        processes.wait_until((root / "slow").exists, 120, "the slow stage to start")
        command.process.kill()
        assert processes.wait_until(lambda: not command.alive(), 20, "all processes to end") < 12.0
    assert (root / "slow").read_text() in ("", "half ")
    status, said = finish(root, "--stages", "make,slow")
    assert status == 0, said

    other = tmp_path / "other"
    toy.run(root, "git", "clone", "--quiet", str(root), str(other))
    for stage in ("make", "slow"):  # one by one: of several targets DVC takes any first
        toy.run(other, "dvc", "repro", "--quiet", stage)
    for name in ("dvc.lock", "slow", "made"):
        assert (root / name).read_bytes() == (other / name).read_bytes()
