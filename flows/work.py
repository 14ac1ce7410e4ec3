"""A worker of this clone for a Prefect server that runs elsewhere, with its deployment, until Ctrl-C.

    PREFECT_API_URL=http://HOST:4200/api python -m flows.work [--pool other-host]

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

from flows import child
from flows.clone import fetched, git
from flows.errors import CommandFailed, Refused
from flows.serve import say, until_stopped, watch
from flows.server import log_path, running

POOL = "other-host"
DEPLOYMENTS = "deploy/prefect-hosts.yaml"
SECONDS_TO_ANSWER = 10
READY = """
This clone works for {url}

Now type where you like, with PREFECT_API_URL set to that:
    prefect deployment run retrain/{pool} --watch

The log is {log}. Ctrl-C ends worker and runs.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Work until stopped; returns 1 if the worker ended by itself."""
    parser = argparse.ArgumentParser(prog="python -m flows.work", description=__doc__.partition("\n")[0])
    parser.add_argument("--pool", default=POOL, help=f"the name of the work pool and of the deployment; {POOL}")
    options = parser.parse_args(arguments)
    return until_stopped(lambda: work(Path.cwd(), options.pool))


def work(root: Path, pool: str) -> NoReturn:
    """Make the pool and the deployment where they are not there, and work for them."""
    url = server()
    upstream = git(root, "rev-parse", "--abbrev-ref", "HEAD")
    fetched(root, upstream)  # refuses here what would fail in every run
    os.environ |= {"TRIMLINE_ROOT": str(root), "TRIMLINE_POOL": pool, "TRIMLINE_UPSTREAM": upstream}  # for prefect.yaml
    try:
        child.output("prefect work-pool", ["prefect", "work-pool", "inspect", pool], root)
    except CommandFailed:  # there is none yet
        child.output("prefect work-pool", ["prefect", "work-pool", "create", pool, "--type", "process"], root)
    deploy = ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file", DEPLOYMENTS]
    child.output("prefect deploy", deploy, root)
    with running(["prefect", "worker", "start", "--pool", pool, "--type", "process"], root, "worker") as worker:
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
