"""Whole commands in clean clones: when each line was said, how long it took, the largest process of its tree."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Finished:
    """A command that ended well.

    Attributes:
        seconds: of wall clock.
        lines: what it said, with the seconds since its start.
    """

    seconds: float
    lines: list[tuple[float, str]]


@contextmanager
def clean_clone() -> Iterator[Path]:
    """Yield a clone of the last commit with an empty cache, removed at the end."""
    with TemporaryDirectory(prefix="trimline-bench-") as folder:
        clone = Path(folder) / "trimline"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        yield clone


def run(command: list[str], folder: Path) -> Finished:
    """Run a command to its end; a failure shows what it said."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1", "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"}
    environment["PREFECT_HOME"] = str(folder / ".trimline/prefect")
    lines: list[tuple[float, str]] = []
    started = time.monotonic()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append((time.monotonic() - started, line.rstrip()))
    seconds = time.monotonic() - started
    if process.returncode:
        raise SystemExit("\n".join(line for _, line in lines[-40:]))
    return Finished(seconds, lines)


def dvc(*arguments: str) -> list[str]:
    """DVC's command line."""
    return [sys.executable, "-m", "dvc", *arguments]


def median_seconds(command: list[str], folder: Path, runs: int) -> float:
    """Return the median of several runs."""
    return statistics.median(run(command, folder).seconds for _ in range(runs))


def peak_bytes_of_any_child() -> int:
    """Return the largest resident memory of any process that this one or a child of it has waited for."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def forget_outputs(clone: Path) -> None:
    """Bring a clone back to its first minute."""
    for name in ("data", "models", "reports", "release", ".trimline", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(clone / name, ignore_errors=True)
    subprocess.run(["git", "checkout", "--quiet", "."], cwd=clone, check=True)
