"""A Prefect server of our own, which ends with the process that started it."""

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from flows import child
from flows.errors import CommandFailed, Refused

SECONDS_TO_START = 120.0
SECONDS_TO_END = 10.0


@contextmanager
def running_server(root: Path, port: int, *options: str) -> Iterator[tuple[str, "Popen[str]"]]:
    """Start a Prefect server on 127.0.0.1 and wait until it answers; yields the URL of its API and its process.

    Raises:
        Refused: The port is taken.
        CommandFailed: The server ended by itself; the message has the end of its log.
    """
    refuse_taken(port)
    url = f"http://127.0.0.1:{port}/api"
    pages = f"PREFECT_UI_API_URL={url}"  # else the pages ask for port 4200, whatever the server's is
    command = ["env", pages, "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), *options]
    with running(command, root, "server") as process:
        wait_for_answer(f"{url}/health", process, log_path(root, "server"))
        yield url, process


@contextmanager
def running(command: list[str], root: Path, name: str) -> Iterator["Popen[str]"]:
    """Run a long-lived `command` with its output in a log file of its own, and end it with the block."""
    path = log_path(root, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as log, child.supervised(command, root, grace_seconds=SECONDS_TO_END, output=log) as process:
        yield process


def log_path(root: Path, name: str) -> Path:
    """Where `running` writes the output of the command called `name`."""
    return root / ".trimline" / "logs" / f"{name}.log"


def wait_for_answer(url: str, process: "Popen[str]", log: Path) -> None:
    """Return when `url` answers, which it does once `process` is ready.

    Raises:
        CommandFailed: The process ended, or was not ready in time.
    """
    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)  # not there yet
    raise ended(process, log)


def ended(process: "Popen[str]", log: Path) -> CommandFailed:
    """The failure of a process that should have gone on, with the end of its log."""
    said = log.read_text(errors="replace").splitlines()[-10:]
    return CommandFailed(f"the Prefect {log.stem}", process.poll() or 1, [*said, f"Its log: {log}"])


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def refuse_taken(port: int) -> None:
    """Make sure that a server can listen on `port`.

    Raises:
        Refused: Something else does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended does not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Refused(
                f"got:      port {port} of 127.0.0.1: {error.strerror}\n"
                "expected: a port that nothing listens on\n"
                "to do:    end the other server, or choose a port: python -m flows.serve --port 4201"
            ) from error
