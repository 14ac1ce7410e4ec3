"""The Ray cluster that workers run on: a local one that lives as long as the run, or that of RAY_ADDRESS."""

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import tasks
from tasks.core import environment
from tasks.core.errors import ParamsError, TransientError
from tasks.core.files import sha256
from tasks.core.progress import say

NODE_TIMEOUT_SECONDS = 50
CODE_ROOT = Path(tasks.__file__).resolve().parents[1]  # the checkout, or site-packages
INSTALLED = CODE_ROOT.name in {"site-packages", "dist-packages"}
QUERY_RESULT = 3  # files that are named


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
    queries = [_query(number, lock, listed, files) for number in nodes.values()]
    try:
        answers = ray.get(queries, timeout=NODE_TIMEOUT_SECONDS)
    except ray.exceptions.GetTimeoutError:
        raise TransientError(
            got=f"no answer within {NODE_TIMEOUT_SECONDS} s of the nodes {', '.join(nodes)}",
            do="check `ray status` and the logs of the nodes, then run the command again",
        ) from None
    if wrong := [f"{node}: {problem}" for node, problem in zip(nodes, answers, strict=True) if problem]:
        raise ParamsError(
            got="\n  ".join(["nodes that differ from this one:", *wrong]),
            expected="the same packages, and the project with its data at the same path (a file system that all share)",
            do="install requirements.lock on each node, and share or copy the folder",
        )


def _query(node: str, lock: Path, listed: Path, files: Sequence[Path]) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node, soft=False)
    arguments = (str(Path.cwd()), str(lock), str(listed), sha256(listed), list(map(str, files)))
    return ray.remote(num_cpus=0, scheduling_strategy=there)(problem).remote(*arguments)


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
    more = f" and {len(missing) - QUERY_RESULT} more" if len(missing) > QUERY_RESULT else ""
    return f"no {', '.join(missing[:QUERY_RESULT])}{more}" if missing else ""


ADDRESS = "RAY_ADDRESS"
CONNECT_TIMEOUT_SECONDS = 10
HTTP2_SETTINGS = b"\x04"  # the type of the frame that a server begins with (RFC 9113)
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + HTTP2_SETTINGS + b"\0" * 5
# Read when Ray is imported, here and in the processes that it starts. A group of workers that does not start (a node
# is lost, and with it the processors) is given up after two tries. Metrics, and a process that watches for announced
# preemptions, would only cost their start. For workers that are started before they are needed, Ray would wait for
# ever if one of them is killed.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "30",
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "60",
    "RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S": "120",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# A cluster on this machine alone is not to be reached from elsewhere; an address that is given is replaced by Ray.
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@contextmanager
def connected(workers: int, processors: int, gpus: int) -> Iterator[None]:
    """Connect to the cluster, or start one on this machine that ends with the context; within another, use that one.

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
        os.environ.update(LOOPBACK)
    import ray

    if ray.is_initialized():
        yield
        return
    _start(ray, address, workers * processors)
    try:
        wanted = {"CPU": workers * processors, "GPU": workers * gpus}
        _require_enough(ray.cluster_resources(), wanted, f"the cluster {address}" if address else "this machine")
        yield
    finally:
        ray.shutdown()


def _start(ray: Any, address: str | None, processors: int) -> None:
    options: dict[str, Any] = {"address": address or "local", "log_to_driver": False, "configure_logging": False}
    if address:
        options |= {"runtime_env": {"env_vars": _variables()}}
    else:
        os.environ.update(_variables())  # inherited: an environment of its own would cost each process a start
        options |= {"num_cpus": processors, "include_dashboard": False}
    try:
        with chdir(code_folder()):
            ray.init(**options)
    except Exception as error:  # Ray raises nothing narrower where its own processes do not start in time
        ray.shutdown()
        raise TransientError(
            got=f"Ray does not start, or its cluster does not answer: {error}",
            do="run the command again when the machine is less busy; Ray's logs are in /tmp/ray/session_latest/logs",
        ) from None


def code_folder() -> Path:
    """Return the folder that Ray is started in: its workers import from there first, whatever lies in it.

    It must not be the folder of the line, where a package `tasks` may be a company's own. An installed package is found
    without any help, and is put in front of nothing: there the folder is an empty one.
    """
    if not INSTALLED:
        return CODE_ROOT
    empty = (environment.STATE_FOLDER / "ray").absolute()
    empty.mkdir(parents=True, exist_ok=True)
    return empty


def _variables() -> dict[str, str]:
    """Return what decides the bytes of a result, and where the code is found; the same on all nodes."""
    path = "" if INSTALLED else str(CODE_ROOT)
    return {**environment.computing_variables(), **SETTINGS, "PYTHONPATH": path}


def _require_answer(address: str) -> None:
    """Make sure that gRPC is spoken there: of anything else that listens, Ray would wait for an answer for ever."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), CONNECT_TIMEOUT_SECONDS) as connection:
            connection.sendall(HTTP2_GREETING)
            said = connection.recv(9)
        if said[3:4] != HTTP2_SETTINGS:
            raise ValueError(f"what listens there is not Ray, it says {said!r}")
    except (OSError, ValueError) as error:
        raise TransientError(
            got=f"{ADDRESS}={address}: {error}",
            expected="host:port of the head of a running Ray cluster",
            do=f"start it (`ray start --head`), correct the address, or unset {ADDRESS} to work on this machine",
        ) from None


def _require_enough(has: dict[str, float], wanted: dict[str, int], owner: str) -> None:
    short = [
        f"{has.get(name, 0):g} {name} where {count} are needed"
        for name, count in wanted.items()
        if has.get(name, 0) < count
    ]
    if short:
        raise ParamsError(
            got=f"{owner} has {', '.join(short)}",
            expected="a CPU for each of workers x compute.threads, and the GPUs of workers x speed.gpus_per_worker",
            do="lower workers, or add nodes: `ray start --address=HOST:PORT` on each",
        )


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
