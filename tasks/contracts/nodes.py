"""What a node of a cluster must have before it works. Nothing here imports TensorFlow: every node answers at once."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.contracts import environment
from tasks.contracts.errors import ParamsError, TransientError
from tasks.contracts.files import sha256

SECONDS_TO_ANSWER = 50
TOLD = 3  # files that are named


def require_alike(lock: Path, listed: Path, files: Sequence[Path] = ()) -> None:
    """Make sure that every node has the packages of the lock and the data, before any work.

    Args:
        lock: from the root of the project.
        listed: the file with the digests of the data; its bytes are the same everywhere.
        files: of the data, that have to be there.

    Raises:
        ParamsError: one has not, and which.
        TransientError: a node does not answer.
    """
    import ray

    nodes = {
        f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}, {node['NodeID'][:8]})": node["NodeID"]
        for node in sorted(ray.nodes(), key=lambda node: str(node["NodeManagerAddress"]))
        if node["Alive"]
    }
    asked = [_asked(number, lock, listed, files) for number in nodes.values()]
    try:
        answers = ray.get(asked, timeout=SECONDS_TO_ANSWER)
    except ray.exceptions.GetTimeoutError:
        raise TransientError(
            got=f"no answer within {SECONDS_TO_ANSWER} s of the nodes {', '.join(nodes)}",
            expected="nodes that can start a process",
            do="look at `ray status` and at the logs of the nodes, then run the command again",
        ) from None
    if wrong := [f"{node}: {problem}" for node, problem in zip(nodes, answers, strict=True) if problem]:
        raise ParamsError(
            got="\n  ".join(["nodes that are not like this one:", *wrong]),
            expected="the same packages, and the project with its data at the same path (a file system that all share)",
            do="install requirements.lock on each node, and share or copy the folder",
        )


def _asked(node: str, lock: Path, listed: Path, files: Sequence[Path]) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node, soft=False)
    told = (str(Path.cwd()), str(lock), str(listed), sha256(listed), list(map(str, files)))
    return ray.remote(num_cpus=0, scheduling_strategy=there)(problem).remote(*told)


def problem(root: str, lock: str, listed: str, expected: str, files: Sequence[str]) -> str:
    """Say what a node lacks, or nothing; it runs there. The bytes of the files are compared when they are opened."""
    try:
        os.chdir(root)
        environment.require_locked_versions(Path(lock))
        got = sha256(Path(listed))
    except (OSError, ParamsError) as error:
        return str(error)
    if got != expected:
        return f"{listed} has SHA-256 {got}, here {expected}"
    missing = [path for path in files if not Path(path).is_file()]
    more = f" and {len(missing) - TOLD} more" if len(missing) > TOLD else ""
    return f"no {', '.join(missing[:TOLD])}{more}" if missing else ""
