"""The worker of this clone for a Prefect server that runs elsewhere, with its deployment, until Ctrl-C.

    PREFECT_API_URL=http://HOST:4200/api trimline worker [--pool other-host]

This host and the others share that server, the git repository `origin` and the DVC remote, and nothing else.
"""

import argparse
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from flows import subprocesses
from flows.errors import CommandFailed, Refused
from flows.serve import deploy, log_path, running_worker, say, until_stopped, watch
from flows.workspace import fetched, git

POOL = "other-host"
DEPLOYMENTS = Path(__file__).with_name("hosts.yaml")
SECONDS_TO_ANSWER = 10
READY = """
This clone works for {url}

Now type where you like, with PREFECT_API_URL set to that:
    prefect deployment run retrain/{pool} --watch

The log is {log}. Ctrl-C ends worker and runs.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Work until stopped; returns 1 if the worker ended by itself."""
    parser = argparse.ArgumentParser(
        prog="trimline worker",
        description="Runs flows in this clone for the Prefect server that PREFECT_API_URL names; runs until Ctrl-C.",
        epilog="Example: PREFECT_API_URL=http://127.0.0.1:4200/api trimline worker --pool gpu\n\n"
        "exit status: 0 stopped; 1 the worker ended; 78 no server, no shared repository or no DVC remote",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pool", default=POOL, help=f"the name of the work pool and of the deployment; {POOL}")
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
    deploy(DEPLOYMENTS)
    with running_worker(root, pool) as worker:
        say(READY.format(url=url, pool=pool, log=log_path(root, "worker")))
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


if __name__ == "__main__":
    sys.exit(main())
