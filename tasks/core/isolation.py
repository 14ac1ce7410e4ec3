"""Fresh processes, one for each piece of work, whose death is an answer: a crash of native code ends that piece alone.

TensorFlow's converter and its calibrator are native code. A model that they do not expect ends their process with a
signal, which no `except` sees.
"""

import faulthandler
import multiprocessing
import os
import re
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import Any, TypeVar

from tasks.core import ray_cluster
from tasks.core.errors import StageError

Result = TypeVar("Result")
TRACEBACK_SWITCH = "TRIMLINE_TRACEBACK"  # where it is set, what libraries write to stderr is shown
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
GRACE_S = 5.0  # for a process that was asked to end
OUT_OF_MEMORY = "the system probably ran out of memory (`dmesg` says so): free some, or lower the number of workers"
REPORT_IT = "this is a fault of TensorFlow or of Trimline: report it with the model and the settings"
LAST_WORDS = re.compile(r"LLVM ERROR|Check failed|[Aa]ssertion|terminate called|what\(\):")
FRAME = re.compile(r'^\s+File ".*?([^/\\"]+)", line \d+ in (\S+)$', re.MULTILINE)
# Two threads must not look after the same process: the second would read no exit status.
_PROCESSES = threading.Lock()
os.register_at_fork(after_in_child=_PROCESSES._at_fork_reinit)  # type: ignore[attr-defined]


class ProcessEnded(StageError):
    """The process of some work was ended by a signal before it could answer.

    Attributes:
        crashed: whether native code crashed, so that another try would end alike; False where it was killed.
    """

    def __init__(self, *, got: str, do: str, expected: str | None = None, crashed: bool = True) -> None:
        super().__init__(got=got, do=do, expected=expected)
        self.crashed = crashed

    def __reduce__(self) -> tuple[Any, ...]:
        """Make the error picklable, as all errors of stages are."""
        rebuilt = partial(type(self), got=self.got, expected=self.expected, do=self.do, crashed=self.crashed)
        return rebuilt, ()


def isolated(doing: str, remedy: str, function: Callable[..., Result], *arguments: Any) -> Result:
    """Return `function(*arguments)`, computed by a process of its own.

    A process of one thread is forked as it is. Any other, such as one that TensorFlow has worked in, is not: its
    threads would be missing in the copy. The new process is then forked from a server that has never worked.

    Args:
        doing: what is done, for the message of a death.
        remedy: what people can do where native code crashed.
        function: picklable, and so are the arguments and the result.

    Raises:
        ProcessEnded: the process was ended by a signal.
        Exception: what the function raised, as it is.
    """
    with _Child(_method()) as child:
        result: Result = child.ask(doing, remedy, function, arguments)
        return result


class FreshProcesses(ThreadPoolExecutor):
    """Up to `count` processes at once, none used twice; as a context manager it leaves none, and drops what waits."""

    def __init__(self, count: int, preloaded: list[str], doing: str, remedy: str = REPORT_IT) -> None:
        """Start the process that all others are forked from.

        Args:
            count: of processes at once.
            preloaded: modules that are imported once, there. Nothing of TensorFlow may run when they are imported: a
                fork does not take its threads along.
            doing: what a process does, for the message of a death.
            remedy: what people can do where native code crashed.
        """
        _start_server(preloaded)
        self._doing, self._remedy, self._running = doing, remedy, set[_Child]()
        super().__init__(count)

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **none: Any) -> "Future[Any]":
        """Let a fresh process compute `function(*arguments)`; its death is a `ProcessEnded` of this future alone."""
        return super().submit(self._compute, function, arguments)

    def _compute(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        with _Child(SERVER) as child:
            self._running.add(child)
            try:
                return child.ask(self._doing, self._remedy, function, arguments)
            finally:
                self._running.discard(child)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.shutdown(wait=False, cancel_futures=True)
        if kind is not None:  # nobody waits for the results of the others
            for child in list(self._running):
                child.end()
        self.shutdown()


class RestartedProcess:
    """One process that computes one thing after the other, and is replaced by a fresh one when it dies.

    It is cheaper than a fresh process each time where they would all have to load the same, or to warm up.
    """

    def __init__(self, preloaded: list[str], doing: str, remedy: str = REPORT_IT) -> None:
        """See `FreshProcesses`."""
        _start_server(preloaded)
        self._doing, self._remedy, self._child = doing, remedy, None

    _child: "_Child | None"

    def __enter__(self) -> "RestartedProcess":
        return self

    def __exit__(self, *error: Any) -> None:
        if self._child is not None:
            self._child.__exit__(*error)

    def compute(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return `function(*arguments)`.

        Raises:
            ProcessEnded: the process was ended by a signal; the next call has another.
        """
        if self._child is None:
            self._child = _Child(SERVER)
        try:
            return self._child.ask(self._doing, self._remedy, function, arguments)
        except ProcessEnded:
            self._child.close()
            self._child = None
            raise


SERVER = "forkserver"


def _method() -> str:
    """Return how a process is started from this one."""
    tasks = Path("/proc/self/task")
    return "fork" if tasks.is_dir() and len(list(tasks.iterdir())) == 1 else SERVER


def _start_server(preloaded: list[str]) -> None:
    multiprocessing.get_context(SERVER).set_forkserver_preload(preloaded)
    with _own_code():
        forkserver.ensure_running()


class _Child:
    """A process that answers until it is closed."""

    def __init__(self, method: str) -> None:
        if method == SERVER:
            with _own_code():
                forkserver.ensure_running()
        context: Any = multiprocessing.get_context(method)
        descriptor, self._said = tempfile.mkstemp(prefix="trimline-stderr-")
        os.close(descriptor)
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, self._said))
        with _PROCESSES:
            self._process.start()
        other.close()

    def __enter__(self) -> "_Child":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.end()
        self.close()

    def ask(self, doing: str, remedy: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Return what the process computes, or raise what it raises or the `ProcessEnded` of its death."""
        try:
            self._connection.send((function, arguments))
            result, error, trace = self._connection.recv()
        except (EOFError, OSError):
            self._join()
            said = Path(self._said).read_text(errors="replace")
            raise _ended(self._process.exitcode, doing, remedy, said) from None
        if error is not None:
            error.add_note(trace)
            raise error
        return result

    def end(self) -> None:
        """Ask the process to end as Ctrl-C does, so that it ends what it has started itself; then end it."""
        try:
            os.kill(self._process.pid, signal.SIGINT)
            connection.wait([self._process.sentinel], GRACE_S)
            os.kill(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def close(self) -> None:
        """Let the process end, which waits for nothing but its next question."""
        with suppress(OSError):
            self._connection.send(None)  # closing is not enough: a forked process has both ends
        self._join()
        self._connection.close()
        Path(self._said).unlink(missing_ok=True)

    def _join(self) -> None:
        connection.wait([self._process.sentinel])
        with _PROCESSES:
            self._process.join()


def _serve(questions: Any, said: str) -> None:
    """Be the process: compute what is asked, until nobody asks any more."""
    if not os.environ.get(TRACEBACK_SWITCH):
        os.dup2(os.open(said, os.O_WRONLY | os.O_APPEND), 2)
    faulthandler.enable()
    threading.Thread(target=_follow, args=(multiprocessing.parent_process(),), daemon=True).start()
    while True:
        asked = questions.recv()
        if asked is None:
            return
        answer = _answer(*asked)
        try:
            questions.send(answer)
        except Exception as error:  # it cannot be pickled
            found = error if answer[1] is None else answer[1]
            questions.send((None, RuntimeError(f"{type(found).__name__}: {found}"), answer[2]))


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, Exception | None, str]:
    try:
        return function(*arguments), None, ""
    except Exception as error:
        return None, error, traceback.format_exc()


def _follow(parent: Any) -> None:
    """End this process when the one that asked for it is killed; a server that it was forked from may live on."""
    parent.join()
    os._exit(1)


def _ended(status: int, doing: str, remedy: str, said: str) -> ProcessEnded:
    """Return the error of a process that gave no answer, with the last that it said."""
    if status >= 0:
        return ProcessEnded(got=f"{doing}: the process ended with status {status}", do=remedy, crashed=False)
    crashed = -status in CRASHES
    by = f"a crash of native code ({signal.Signals(-status).name})" if crashed else signal.Signals(-status).name
    words = next((line.strip() for line in said.splitlines() if LAST_WORDS.search(line)), "")
    frame = FRAME.search(said, max(said.find("Current thread"), 0))  # the others only wait
    where = words[:200] or (f"in {frame[2]} of {frame[1]}" if frame else "")
    return ProcessEnded(
        got=f"{doing} was ended by {by}" + (f": {where}" if where else ""),
        do=remedy if crashed else OUT_OF_MEMORY,
        crashed=crashed,
    )


@contextmanager
def _own_code() -> Iterator[None]:
    """Let a new interpreter import the code that runs here, and nothing from the working folder.

    The server that processes are forked from preloads modules before it is told our `sys.path`. It would take them from
    the folder of the line, where a package `tasks` may be a company's own, or from another checkout that is installed.
    """
    path = {} if ray_cluster.INSTALLED else {"PYTHONPATH": str(ray_cluster.CODE_ROOT)}
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PYTHONSAFEPATH")}
    os.environ.update(path, PYTHONSAFEPATH="1")
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})
