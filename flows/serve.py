"""The Prefect server of a folder with its worker, or the worker alone for a server elsewhere, until Ctrl-C.

PREFECT_API_URL=http://HOST:4200/api trimline worker [--pool other-host]

This host and the others share that server, the git repository `origin` and the DVC remote, and nothing else.

trimline serve [--port 4200]
"""

import argparse
import os
import signal
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from types import FrameType
from typing import NoReturn

from flows import subprocesses
from flows.errors import CommandFailed, FlowError, Refused
from flows.subprocesses import LINE_ROOT
from flows.workspace import fetched, git

OTHER_HOST_POOL = "other-host"
HOSTS_FILE = Path(__file__).with_name("hosts.yaml")
SECONDS_TO_ANSWER = 10
WORKER_READY = """
This clone works for {url}

Now type where you like, with PREFECT_API_URL set to that:
    prefect deployment run retrain/{pool} --watch

The log is {log}. Ctrl-C ends worker and runs.
"""


def worker_main(arguments: Sequence[str] | None = None) -> int:
    """Work until stopped; returns 1 if the worker ended by itself."""
    parser = argparse.ArgumentParser(
        prog="trimline worker",
        description="Runs flows in this clone for the Prefect server that PREFECT_API_URL names; runs until Ctrl-C.",
        epilog="Example: PREFECT_API_URL=http://127.0.0.1:4200/api trimline worker --pool gpu\n\n"
        "exit status: 0 stopped; 1 the worker ended; 78 no server, no shared repository or no DVC remote",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--pool", default=OTHER_HOST_POOL, help=f"the name of the work pool and of the deployment; {OTHER_HOST_POOL}"
    )
    options = parser.parse_args(arguments)
    return until_stopped(lambda: work(Path.cwd(), options.pool))


def work(root: Path, pool: str) -> NoReturn:
    """Make the pool and the deployment where they are not there, and work for them."""
    url = server()
    upstream = git(root, "rev-parse", "--abbrev-ref", "HEAD")
    fetched(root, upstream)  # refuses here what would fail in every run
    os.environ |= {"TRIMLINE_POOL": pool, "TRIMLINE_UPSTREAM": upstream}  # for hosts.yaml
    try:
        subprocesses.output("prefect work-pool", subprocesses.prefect("work-pool", "inspect", pool), root)
    except CommandFailed:  # there is none yet
        subprocesses.output(
            "prefect work-pool", subprocesses.prefect("work-pool", "create", pool, "--type", "process"), root
        )
    deploy(HOSTS_FILE)
    with running_worker(root, pool) as worker:
        say(WORKER_READY.format(url=url, pool=pool, log=log_path(root, "worker")))
        watch(root, worker=worker)


def server() -> str:
    """The address of the server's API, which answers.

    Raises:
        Refused: None is set, or nothing answers there.
    """
    url = os.environ.get("PREFECT_API_URL", "")
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=SECONDS_TO_ANSWER):
            return url
    except urllib.error.HTTPError:  # it asks who we are, which Prefect's own client will tell
        return url
    except (OSError, ValueError) as error:
        raise Refused(
            f"got:      PREFECT_API_URL={url!r}: {error}\n"
            "expected: the address of a Prefect server that answers, such as http://127.0.0.1:4200/api\n"
            "to do:    start one (make serve), or make a tunnel to it: ssh -N -L 4200:127.0.0.1:4200 HOST"
        ) from error


POOL = "trimline"
DEPLOYMENTS = "prefect.yaml"
SECONDS_TO_START = 120.0
SECONDS_TO_END = 10.0
READY = """
Prefect is at {site}

Now type in another terminal, in {root}:
    source .venv/bin/activate
    export PREFECT_API_URL={url}
    prefect deployment run pipeline/on-demand --watch

Logs are in {logs}. Ctrl-C ends server, worker and runs.
"""


class Stopped(BaseException):
    """Somebody pressed Ctrl-C or sent SIGTERM; not an error, so that nothing handles it as one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns 1 if the server or the worker ended by itself."""
    parser = argparse.ArgumentParser(
        prog="trimline serve",
        description="Starts a Prefect server, a worker and the deployments of this folder; runs until Ctrl-C.",
        epilog="Example: trimline serve --port 4201\n\nexit status: 0 stopped; 1 server or worker ended; 78 port taken",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=4200, help="of 127.0.0.1; 4200 if not given")
    options = parser.parse_args(arguments)
    return until_stopped(lambda: serve(Path.cwd(), options.port))


def until_stopped(work: Callable[[], NoReturn]) -> int:
    """Do `work` until Ctrl-C or SIGTERM; returns the exit status."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, stop)
    try:
        work()
    except Stopped:
        say("Stopped: no process is left.")
        return 0
    except FlowError as error:
        sys.stderr.write(f"\n{error}\n")
        return error.exit_status if isinstance(error, Refused) else 1


def stop(_signum: int, _frame: FrameType | None) -> NoReturn:
    """Leave `serve`; what has to end ends on the way out, and a second Ctrl-C does not disturb it."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    say("Stopping the worker and its runs, then what else was started here ...")
    raise Stopped


def serve(root: Path, port: int) -> NoReturn:
    """Start everything and watch over it.

    The worker is the inner block, so it ends first: it could not end without its server.
    """
    say("Starting the Prefect server ...")
    with running_server(root, port) as (url, server):
        os.environ["PREFECT_API_URL"] = url  # for the children from here on
        with running_worker(root, POOL) as worker:
            wait_for_answer(f"{url}/work_pools/{POOL}", worker, log_path(root, "worker"))  # the worker creates it
            deploy(root / DEPLOYMENTS)
            say(READY.format(site=url.removesuffix("/api"), url=url, root=root, logs=log_path(root, "server").parent))
            watch(root, server=server, worker=worker)


@contextmanager
def running_worker(root: Path, pool: str) -> Iterator["Popen[str]"]:
    """Start a worker for `pool` whose runs work on the line in `root`, and end it with the block."""
    os.environ[LINE_ROOT] = str(root)
    command = subprocesses.prefect("worker", "start", "--pool", pool, "--type", "process")
    with running(command, root, "worker") as worker:
        yield worker


def deploy(file: Path) -> None:
    """Make or renew the deployments in `file`.

    In an empty folder: Prefect imports each flow from the working directory first, and a line may have a package
    `flows` of its own.
    """
    with tempfile.TemporaryDirectory() as empty:
        command = subprocesses.prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(file))
        subprocesses.output("prefect deploy", command, Path(empty))


def watch(root: Path, **children: "Popen[str]") -> NoReturn:
    """Wait for ever.

    Raises:
        CommandFailed: One of the children ended.
    """
    while True:
        for name, process in children.items():
            if process.poll() is not None:
                raise ended(process, log_path(root, name))
        time.sleep(0.5)


def say(text: str) -> None:
    """Write a line for the person at the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


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
    start = subprocesses.prefect("server", "start", "--host", "127.0.0.1", "--port", str(port), *options)
    command = ["env", pages, *start]
    with running(command, root, "server") as process:
        wait_for_answer(f"{url}/health", process, log_path(root, "server"))
        yield url, process


@contextmanager
def running(command: list[str], root: Path, name: str) -> Iterator["Popen[str]"]:
    """Run a long-lived `command` with its output in a log file of its own, and end it with the block."""
    path = log_path(root, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("wb") as log,
        subprocesses.supervised(command, root, grace_seconds=SECONDS_TO_END, output=log) as process,
    ):
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
                "to do:    end the other server, or choose a port: trimline serve --port 4201"
            ) from error


if __name__ == "__main__":
    sys.exit(main())
