"""The Ray cluster that workers run on: one that lives as long as the run, on this machine, or that of RAY_ADDRESS."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.contracts import environment
from tasks.contracts.errors import ParamsError, TransientError
from tasks.contracts.files import sha256
from tasks.contracts.progress import say

ADDRESS = "RAY_ADDRESS"
SECONDS_TO_ANSWER = 10
PREFLIGHT_SECONDS = 50
# Read when Ray is imported, here and in the processes that it starts. A group of workers that does not start (a node
# is lost, and with it the processors) is given up after two tries.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "60",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@contextmanager
def connected(workers: int, processors: int, gpus: int) -> Iterator[None]:
    """Connect to the cluster, or start one on this machine that ends with the context.

    Args:
        workers: that will run at once.
        processors: of each.
        gpus: of each.

    Raises:
        ParamsError: the cluster has fewer processors or GPUs.
        TransientError: nothing answers at RAY_ADDRESS.
    """
    os.environ.update(SETTINGS)
    address = os.environ.get(ADDRESS)
    if address:
        _require_answer(address)
    else:
        _require_enough({"CPU": float(os.cpu_count() or 1)}, {"CPU": workers * processors}, "this machine")
    import ray

    here: dict[str, Any] = {
        "_node_ip_address": "127.0.0.1", "num_cpus": workers * processors, "include_dashboard": False,
    }  # fmt: skip
    common: dict[str, Any] = {
        "log_to_driver": False, "configure_logging": False, "runtime_env": {"env_vars": _variables()},
    }  # fmt: skip
    try:
        ray.init(address or "local", **common, **({} if address else here))
    except Exception as error:  # Ray raises nothing narrower where its own processes do not start in time
        ray.shutdown()
        raise TransientError(
            got=f"Ray does not start, or its cluster does not answer: {error}",
            expected="a machine that has a processor free for it",
            do="run the command again when less is running; Ray's own logs are in /tmp/ray/session_latest/logs",
        ) from None
    try:
        wanted = {"CPU": workers * processors, "GPU": workers * gpus}
        _require_enough(ray.cluster_resources(), wanted, f"the cluster {address}" if address else "this machine")
        yield
    finally:
        ray.shutdown()


def _variables() -> dict[str, str]:
    """Return what decides the bytes of a result, and where the code is found; the same on all nodes."""
    return {**environment.computing_variables(), **SETTINGS, "PYTHONPATH": str(Path.cwd())}


def _require_answer(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
    except (OSError, ValueError) as error:
        raise TransientError(
            got=f"{ADDRESS}={address}: {error}",
            expected="host:port of the head of a Ray cluster that answers",
            do=f"start it (`ray start --head`), correct the address, or unset {ADDRESS} to work on this machine",
        ) from None


def _require_enough(has: dict[str, float], wanted: dict[str, int], told: str) -> None:
    short = [
        f"{has.get(name, 0):g} {name} where {count} are asked for"
        for name, count in wanted.items()
        if has.get(name, 0) < count
    ]
    if short:
        raise ParamsError(
            got=f"{told} has {', '.join(short)}",
            expected="a CPU for each of workers x compute.threads, and the GPUs of workers x speed.gpus_per_worker",
            do="lower workers, or bring more nodes: `ray start --address=HOST:PORT` on each",
        )


def require_alike(lock: Path, dataset: Path) -> None:
    """Make sure that every node has the packages of the lock and the data, before any work.

    Raises:
        ParamsError: one has not, and which.
        TransientError: a node does not answer.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    expected = sha256(dataset)
    nodes = {
        f"{node['NodeManagerHostname']} ({node['NodeID'][:8]})": node["NodeID"] for node in ray.nodes() if node["Alive"]
    }
    asked = {
        told: ray.remote(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(number, soft=False))(
            _problem
        ).remote(str(Path.cwd()), str(lock), str(dataset), expected)
        for told, number in nodes.items()
    }
    try:
        found = dict(zip(asked, ray.get(list(asked.values()), timeout=PREFLIGHT_SECONDS), strict=True))
    except ray.exceptions.GetTimeoutError:
        raise TransientError(
            got=f"no answer within {PREFLIGHT_SECONDS} s of the nodes {', '.join(nodes)}",
            expected="nodes that can start a process",
            do="look at `ray status` and at the logs of the nodes, then run the command again",
        ) from None
    if wrong := [f"{told}: {problem}" for told, problem in found.items() if problem]:
        raise ParamsError(
            got="\n  ".join(["nodes that are not like this one:", *wrong]),
            expected="the same packages, and the project with its data at the same path (a file system that all share)",
            do="install requirements.lock on each node, and share or copy the folder",
        )


def _problem(root: str, lock: str, dataset: str, expected: str) -> str:
    """Say what a node lacks; it runs there."""
    try:
        os.chdir(root)
        environment.require_locked_versions(Path(lock))
        got = sha256(Path(dataset))
    except (OSError, ParamsError) as error:
        return str(error)
    return "" if got == expected else f"{dataset} has SHA-256 {got}, here {expected}"


@contextmanager
def followed(log: Path) -> Iterator[None]:
    """Say what a worker writes into its log, as it does."""
    ended = threading.Event()
    follower = threading.Thread(target=_follow, args=(log, ended), daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()


def _follow(log: Path, ended: threading.Event) -> None:
    done, last = 0, False
    while not last:
        last = ended.wait(0.2)
        if not log.is_file():
            continue
        with log.open(encoding="utf-8") as file:
            file.seek(done)
            for line in file.read().splitlines():
                say(line)
            done = file.tell()


def failures(error: Any) -> dict[int, str]:
    """Return why each worker failed, by its rank, from what Ray Train raises."""
    found = getattr(error, "worker_failures", {})
    return {rank: str(each).strip().splitlines()[-1][:300] for rank, each in sorted(found.items())}
