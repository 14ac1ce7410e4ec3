"""Stages that train on several processes: what they say, which processes they have, and what is left of them."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.tasks import line

EPOCHS = 60  # of 15 steps each


def spread_line(folder: Path, workers: int = 2, **fit: Any) -> Path:
    """A line up to its training, which two processes will do."""
    line.create(folder)
    params = line.tiny_params()
    params["train"] |= {"workers": workers, "fit": line.fit(EPOCHS) | fit}
    line.write_params(folder, params)
    return line.run_all(folder, ["ingest@base", "preprocess@base"])


def marked(name: str, value: str) -> list[int]:
    """The live processes in whose environment a variable has this value; children inherit it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if f"{name}={value}".encode() in environment.split(b"\0"):
            found.append(int(process.name))
    return found


def processes_of(folder: Path) -> list[int]:
    """The live processes that Ray has started for a stage in the folder."""
    return marked("PYTHONPATH", str(folder))


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    try:
        found = [
            int(child)
            for tasks in Path(f"/proc/{pid}/task").iterdir()
            for child in (tasks / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [*found, *(each for child in found for each in descendants(child))]


def name_of(pid: int) -> str:
    """What a process is, in a word or two."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").strip("\0 ").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    if not words[0]:
        return ""
    if words[0].startswith("ray::"):
        return "worker" if "RayTrainWorker" in words[0] else words[0].split()[0]
    files = [Path(word).name for word in words if word.endswith(".py")]
    return files[-1] if files else Path(words[0]).name


def wait_until(true: Callable[[], Any], seconds: float, told: str) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"{told}: not within {seconds} s"
        time.sleep(0.1)
    return found


def require_none_left(folder: Path, seconds: float = 60) -> None:
    wait_until(lambda: not processes_of(folder), seconds, "the end of all processes")


def end(pids: list[int]) -> None:
    """Kill processes as the loss of a machine does."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def lines_of(stage: subprocess.Popen[str]) -> Iterator[str]:
    assert stage.stdout
    while said := stage.stdout.readline():
        yield said


def wait_for_an_epoch(said: Iterator[str], epochs: int = EPOCHS) -> None:
    """Read on until an epoch is over that is not the last; progress is told once a second at most."""
    found = next((match for each in said if (match := re.search(r"epoch (\d+) of", each))), None)
    assert found and int(found[1]) < epochs / 2, found


def pids_of_worker(folder: Path, rank: int) -> list[int]:
    """Those that took the rank, one after the other."""
    told = "".join(log.read_text() for log in folder.glob(f".trimline/distributed/*/worker-{rank}.log"))
    return [int(pid) for pid in re.findall(r"is process (\d+)", told)]


def worker_after(folder: Path, rank: int, others: int) -> int:
    """Wait for the one that takes the rank after so many others."""
    pids: list[int] = wait_until(lambda: pids_of_worker(folder, rank)[others:], 120, "a new worker")
    return pids[0]
