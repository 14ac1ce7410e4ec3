"""Child processes: a long-lived one never outlives its parent; a short one blocks until it ends."""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from flows import cli
from flows.errors import CommandFailed

TRIMLINE = (sys.executable, "-m", "flows.cli")
SUPERVISOR = Path(__file__).with_name("supervise.py")
LINE_ROOT = "TRIMLINE_ROOT"  # set for a worker: the folder of the line that its runs work on
IMPORT_VARIABLES = ("PYTHONPATH", "PYTHONSAFEPATH")
TAIL_LINES = 20  # with the headline, what fits on a screen


def environment() -> dict[str, str]:
    """This process's environment as a child should see it.

    DVC runs `python` from PATH, so the interpreter's own folder comes first. What decides where modules are
    imported from is dropped: `prefect` sets it, and a stage must import the same modules whoever started it.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    inherited = {name: value for name, value in os.environ.items() if name not in IMPORT_VARIABLES}
    return inherited | {"PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONUNBUFFERED": "1"}


def trimline(*arguments: str) -> list[str]:
    """The command line `trimline ARGUMENTS` with the code that runs now, or, in another checkout, with that one's."""
    return cli.command_line(cli.PACKAGE_ROOT, arguments)


def prefect(*arguments: str) -> list[str]:
    """A command line of Prefect whose process, and the runs that it starts, import the flows that run now.

    `environment` drops PYTHONPATH, which is all that a checkout that is not installed has; and where the package is
    installed, no process of a worker may take `flows` from the folder that it works in.
    """
    installed = cli.PACKAGE_ROOT.name in {"site-packages", "dist-packages"}
    variables = ["PYTHONSAFEPATH=1"] if installed else [f"PYTHONPATH={cli.PACKAGE_ROOT}", "PYTHONSAFEPATH=1"]
    return ["env", *variables, sys.executable, "-m", "prefect", *arguments]


@contextmanager
def supervised(
    command: Sequence[str], root: Path, *, grace_seconds: float = 1.0, output: IO[bytes] | int = subprocess.PIPE
) -> Iterator["subprocess.Popen[str]"]:
    """Start `command` in `root`; when the block is left, however it is left, end it and all that it started.

    Args:
        command: The program and its arguments.
        root: The folder to run it in.
        grace_seconds: How long it and its children may take to end after SIGTERM.
        output: Where its standard output and error go, together.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(SUPERVISOR), str(grace_seconds), *command],
        cwd=root,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # so that Ctrl-C in a terminal reaches us alone, and we decide on the order
    )
    assert process.stdin is not None  # by stdin=PIPE above
    try:
        yield process
    finally:
        process.stdin.close()  # the supervisor does the rest, even if the next line is interrupted
        process.wait(timeout=grace_seconds + 10)
        if process.stdout is not None:
            process.stdout.close()


def lines(name: str, command: Sequence[str], root: Path) -> Generator[str, None, None]:
    """Run a supervised `command` and yield its output line by line, as it comes.

    Closing the iterator, or any exception in it, ends the command and its children; use `contextlib.closing`.

    Raises:
        CommandFailed: The command ended with another status than 0.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with supervised(command, root) as process:
        assert process.stdout is not None  # by output=PIPE, the default
        for line in process.stdout:
            tail.append(line.rstrip())
            yield tail[-1]
        status = process.wait()
    if status:
        raise CommandFailed(name, status, tail)


def output(name: str, command: Sequence[str], root: Path) -> str:
    """Run a short `command` (seconds, and harmless if it ends by itself) and return what it wrote to standard output.

    Raises:
        CommandFailed: The command ended with another status than 0.
    """
    done = subprocess.run(
        command, cwd=root, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CommandFailed(name, done.returncode, (done.stdout + done.stderr).strip().splitlines()[-TAIL_LINES:])
    return done.stdout
