"""A Prefect server, a worker and the deployments for this tree, until Ctrl-C.

python -m flows.serve [--port 4200]
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import Popen
from types import FrameType
from typing import NoReturn

from flows import child
from flows.errors import FlowError, Refused
from flows.server import ended, log_path, running, running_server, wait_for_answer

POOL = "trimline"
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
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description=__doc__.partition("\n")[0])
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
        os.environ["TRIMLINE_ROOT"] = str(root)  # prefect.yaml puts runs there
        with running(["prefect", "worker", "start", "--pool", POOL, "--type", "process"], root, "worker") as worker:
            wait_for_answer(f"{url}/work_pools/{POOL}", worker, log_path(root, "worker"))  # the worker creates it
            child.output("prefect deploy", ["prefect", "--no-prompt", "deploy", "--all"], root)
            say(READY.format(site=url.removesuffix("/api"), url=url, root=root, logs=log_path(root, "server").parent))
            watch(root, server=server, worker=worker)


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


if __name__ == "__main__":
    sys.exit(main())
