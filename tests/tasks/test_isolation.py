"""Work in a process of its own: its result, its error, and its death are answers, and none of them ends the caller."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tasks.core.errors import DataError, StageError
from tasks.core.isolation import FreshProcesses, ProcessEnded, RestartedProcess, isolated
from tests.graph_rules import ROOT
from tests.tasks import line


def doubled(number: int) -> tuple[int, int]:
    return 2 * number, os.getpid()


def refused(number: int) -> int:
    raise DataError(got=f"{number}", expected="more", do="count again")


def ended_by(number: int, words: str = "") -> None:
    sys.stderr.write(words)
    sys.stderr.flush()
    os.kill(os.getpid(), number)


def unpicklable() -> object:
    return lambda: 0


def asleep() -> None:
    time.sleep(60)


def test_a_result_comes_from_another_process_and_an_error_as_it_is() -> None:
    result, pid = isolated("a test", "", doubled, 21)
    assert result == 42 and pid != os.getpid()
    with pytest.raises(DataError, match="got:      7\nexpected: more\nto do:    count again") as error:
        isolated("a test", "", refused, 7)
    assert "in refused" in error.value.__notes__[0]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL])
def test_a_crash_is_an_error_with_the_signal_the_place_and_the_remedy(number: int) -> None:
    with pytest.raises(StageError) as error:
        isolated("the test", "leave it out", ended_by, number)
    assert isinstance(error.value, ProcessEnded) and error.value.crashed and error.value.exit_status == 1
    assert f"the test was ended by a crash of native code ({signal.Signals(number).name})" in error.value.got
    assert "in ended_by of test_isolation.py" in error.value.got and error.value.do == "leave it out"


def test_the_last_words_of_native_code_are_the_reason_and_are_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StageError, match=r"SIGABRT\): LLVM ERROR: no such type"):
        isolated("the test", "", ended_by, signal.SIGABRT, "a warning\nLLVM ERROR: no such type\n")
    assert capfd.readouterr().err == ""


def test_a_process_that_was_killed_has_not_crashed_and_memory_is_named() -> None:
    with pytest.raises(ProcessEnded, match="SIGKILL") as error:
        isolated("the test", "leave it out", ended_by, signal.SIGKILL)
    assert not error.value.crashed and "out of memory" in error.value.do


def test_what_cannot_be_sent_back_is_an_error_and_no_wait() -> None:
    with pytest.raises(RuntimeError, match="pickle"):
        isolated("the test", "", unpicklable)


def test_the_death_of_one_of_several_leaves_the_others_alone() -> None:
    with FreshProcesses(2, [], "a test") as processes:
        futures = [processes.submit(ended_by, signal.SIGSEGV), *(processes.submit(doubled, n) for n in range(5))]
        results = [future.result() for future in futures[1:]]
        assert isinstance(futures[0].exception(), ProcessEnded)
    assert [result for result, _ in results] == [0, 2, 4, 6, 8] and len({pid for _, pid in results}) == 5


def test_after_an_error_nobody_waits_for_the_others() -> None:
    started = time.monotonic()
    with pytest.raises(DataError), FreshProcesses(2, [], "a test") as processes:
        slow = processes.submit(asleep)
        processes.submit(refused, 1).result()
    assert time.monotonic() - started < 30 and slow.exception() is not None


def test_one_process_serves_until_it_dies_and_then_another() -> None:
    with RestartedProcess([], "a test") as process:
        pids = [process.compute(doubled, 1)[1] for _ in range(2)]
        with pytest.raises(DataError):
            process.compute(refused, 1)
        pids.append(process.compute(doubled, 1)[1])
        with pytest.raises(ProcessEnded):
            process.compute(ended_by, signal.SIGSEGV)
        after = process.compute(doubled, 1)[1]
    assert len(set(pids)) == 1 and after not in pids and not Path(f"/proc/{after}").exists()


def test_a_process_of_one_thread_is_forked_as_it_is(tmp_path: Path) -> None:
    script = (
        "from tasks.core.isolation import isolated\n"
        "from tests.tasks import test_isolation\n"
        "import multiprocessing.forkserver as server\n"
        "assert isolated('a test', '', test_isolation.doubled, 4)[0] == 8\n"
        "assert server._forkserver._forkserver_pid is None\n"
        "try: isolated('a test', '', test_isolation.ended_by, 11)\n"
        "except test_isolation.StageError as error: print(error.got)\n"
    )
    (tmp_path / "asking.py").write_text(script)
    words = [sys.executable, str(tmp_path / "asking.py")]
    done = line.finished(
        line.start(tmp_path, words, PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"), words
    )
    assert done.returncode == 0 and "SIGSEGV" in done.stdout, done.stdout
