"""What a node of a cluster must have before it trains. Nothing here imports TensorFlow: every node answers at once."""

import os
from pathlib import Path
from typing import Any

from tasks.contracts import environment
from tasks.contracts.errors import ParamsError, TransientError
from tasks.contracts.files import sha256
from tasks.data import columns

SECONDS_TO_ANSWER = 50
TOLD = 3  # files that are named


def require_alike(lock: Path, dataset: Path) -> None:
    """Make sure that every node has the packages of the lock and all of the data, before any work.

    Args:
        lock: from the root of the project.
        dataset: the `dataset.json` of the data.

    Raises:
        ParamsError: one has not, and which.
        TransientError: a node does not answer.
    """
    import ray

    nodes = {
        f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}, {node['NodeID'][:8]})": node["NodeID"]
        for node in ray.nodes()
        if node["Alive"]
    }
    asked = [_asked(number, lock, dataset) for number in nodes.values()]
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


def _asked(node: str, lock: Path, dataset: Path) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node, soft=False)
    told = (str(Path.cwd()), str(lock), str(dataset), sha256(dataset))
    return ray.remote(num_cpus=0, scheduling_strategy=there)(problem).remote(*told)


def problem(root: str, lock: str, dataset: str, expected: str) -> str:
    """Say what a node lacks, or nothing; it runs there. The bytes of the shards are compared when they are opened."""
    try:
        os.chdir(root)
        environment.require_locked_versions(Path(lock))
        got = sha256(Path(dataset))
    except (OSError, ParamsError) as error:
        return str(error)
    if got != expected:
        return f"{dataset} has SHA-256 {got}, here {expected}"
    missing = [str(path) for path in columns.files(Path(dataset).parent) if not path.is_file()]
    more = f" and {len(missing) - TOLD} more" if len(missing) > TOLD else ""
    return f"no {', '.join(missing[:TOLD])}{more}" if missing else ""
