"""Pieces of work in several processes: results in order, errors as they are, and nothing left behind."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tasks.core import processes
from tasks.core.errors import DataError, ParamsError, StageError
from tasks.core.progress import say
from tests.graph_rules import ROOT
from tests.tasks.running import wait_until


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(processes.WORKERS, "2")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def squared(number: int) -> tuple[int, int]:
    time.sleep(0.002 * (number % 3))
    return number * number, os.getpid()


def refused_from(bound: int, number: int) -> int:
    if number >= bound:
        raise DataError(got=f"{number}", expected=f"less than {bound}", do="count again")
    return number


def killed_at(fatal: int, number: int) -> int:
    if number == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def slow_but_for(quick: int, number: int) -> int:
    if number == quick:
        raise ValueError("at once")
    time.sleep(60)
    return number


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("count", [30, 333])  # one by one; several together, and fewer at the end
def test_results_come_in_the_order_of_the_pieces_from_more_than_one_process(count: int, tmp_path: Path) -> None:
    with processes.process_pool(0, tmp_path) as each:
        found = list(each(squared, list(range(count))))
    assert [square for square, _ in found] == [number * number for number in range(count)]
    assert len({process for _, process in found} - {os.getpid()}) == 2


@pytest.mark.usefixtures("two")
def test_work_begins_before_its_results_are_asked_for(tmp_path: Path) -> None:
    with processes.process_pool(0, tmp_path) as each:
        results = each(Path.touch, [tmp_path / "begun"])
        wait_until((tmp_path / "begun").exists, 30, "the piece")
        assert list(results) == [None]
        assert list(each(squared, [])) == []


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("count", [20, 333])
def test_the_first_error_in_the_order_of_the_pieces_arrives_as_it_is(count: int, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal, processes.process_pool(0, tmp_path) as each:
        list(each(partial(refused_from, 7), list(range(count))))
    assert (refusal.value.got, refusal.value.expected) == ("7", "less than 7")
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("two")
def test_a_worker_that_is_killed_is_said_and_waited_for_by_nobody(tmp_path: Path) -> None:
    with (
        pytest.raises(StageError, match="a worker was killed") as caught,
        processes.process_pool(0, tmp_path) as each,
    ):
        list(each(partial(killed_at, 5), list(range(20))))
    assert processes.WORKERS in caught.value.do
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("two")
def test_what_others_are_in_the_middle_of_is_given_up_when_one_fails(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match="at once"), processes.process_pool(0, tmp_path) as each:
        list(each(partial(slow_but_for, 0), list(range(4))))
    assert time.monotonic() - started < 30
    assert not multiprocessing.active_children()


def test_as_many_processes_as_are_told_and_one_for_little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(processes.WORKERS, raising=False)
    assert processes.workers(1000) == 1
    assert processes.workers(processes.WORTH_BYTES) == len(os.sched_getaffinity(0))
    monkeypatch.setenv(processes.WORKERS, "3")
    assert processes.workers(1000) == 3
    for wrong in ("0", "-1", "many", ""):
        monkeypatch.setenv(processes.WORKERS, wrong)
        with pytest.raises(ParamsError, match=processes.WORKERS):
            processes.workers(1000)


@pytest.mark.parametrize("flags", [[], ["-P"]])
def test_a_fresh_process_has_the_code_of_the_one_that_asked_for_it(tmp_path: Path, flags: list[str]) -> None:
    code = tmp_path / "checkout"
    shutil.copytree(ROOT / "tasks", code / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    company = tmp_path / "company"  # where DVC starts the stage, with a package of that name of its own
    (company / "tasks").mkdir(parents=True)
    (company / "tasks/__init__.py").write_text("raise SystemExit('the code of the folder was imported')\n")
    (tmp_path / "asking.py").write_text(
        f"import sys\nsys.path.insert(0, {str(code)!r})\n"
        "from tasks.core.isolation import FreshProcesses\n"
        "if __name__ == '__main__':\n"
        "    with FreshProcesses(1, ['tasks.core.params'], 'a test') as processes:\n"
        "        print(processes.submit(eval, \"__import__('tasks').__file__\").result())\n"
    )
    command = [sys.executable, *flags, str(tmp_path / "asking.py")]
    done = subprocess.run(command, cwd=company, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == str(code / "tasks/__init__.py"), done.stderr


def test_a_fresh_process_ends_with_the_one_that_asked_for_it(tmp_path: Path) -> None:
    script = (
        "from tasks.core.isolation import FreshProcesses\n"
        "from tests.tasks.test_pool import told_and_asleep\n"
        "if __name__ == '__main__':\n"
        "    with FreshProcesses(1, [], 'a test') as processes:\n"
        "        processes.submit(told_and_asleep).result()\n"
    )
    (tmp_path / "asking.py").write_text(script)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(tmp_path / "asking.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as asking:
        assert asking.stdout
        pid = int(asking.stdout.readline())
        asking.kill()
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), 10, "the end of the fresh process")


def told_and_asleep() -> None:
    say(str(os.getpid()))
    time.sleep(60)
