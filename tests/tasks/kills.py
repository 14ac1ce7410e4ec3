"""Random kills: `python -m tests.tasks.kills --runs 30` trains by two workers again and again, and kills in each run.

In each run a process of it (a worker, the stage itself, Ray's own ones) gets SIGKILL at a moment drawn from the seed.
A stage that ended with it is run again. Then the model must have the bytes of an undisturbed run, and nothing may be
left of either. About a minute and a half a run on two cores; exit status 1 if a run was not as it should be.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tasks.core.environment import STATE_FOLDER
from tasks.core.progress import say
from tests.tasks import line
from tests.tasks.running import descendants, end, marked, name_of, spread_line

MARK = "TRIMLINE_TEST_RUN"
LONGEST_S, LONGEST_LINGER_S = 300, 90
VICTIMS = ("worker", "worker", "stage", "raylet", "gcs_server", "any")


@dataclass
class Run:
    """What became of one run.

    Attributes:
        victim: the name of the process that was killed, empty where none was.
        moment_s: seconds after the run's start.
        epochs: that the checkpoint held just before.
        statuses: of the stage, each time that it was run.
        hung: a stage did not end within LONGEST_S.
        equal: the model has the bytes of an undisturbed run.
        lingered_s: seconds from the end of a stage to that of its last process: Ray's agents seek a lost GCS first.
        orphans: what was left LONGEST_LINGER_S after the end, by name.
    """

    victim: str = ""
    moment_s: float = 0.0
    epochs: int = 0
    statuses: list[int] = field(default_factory=list)
    hung: bool = False
    equal: bool = False
    lingered_s: float = 0.0
    orphans: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether the run ended as it should."""
        return self.equal and not self.hung and not self.orphans and self.statuses[-1:] == [0]


def runs(count: int, seed: int, folder: Path) -> Iterator[Run]:
    """Yield an undisturbed run, then as many with a kill in each."""
    spread_line(folder)
    started, whole = time.monotonic(), Run(equal=True)
    watched(folder, whole, float("inf"), np.random.default_rng(seed))
    seconds, bytes_ = time.monotonic() - started, line.tree(folder / "models/base")
    yield whole
    for number in range(count):
        random, run = np.random.default_rng([seed, number]), Run()
        while not run.victim and not any(run.statuses):
            run.moment_s, started = round(float(random.uniform(2, seconds)), 1), time.monotonic()
            watched(folder, run, run.moment_s, random)
            if not run.victim:  # over before its moment: the machine has become quicker
                seconds = min(seconds, time.monotonic() - started)
        if run.statuses[-1] != 0:
            watched(folder, run, float("inf"), random)
        run.equal = line.tree(folder / "models/base") == bytes_
        yield run


def watched(folder: Path, run: Run, moment: float, random: np.random.Generator) -> None:
    """Run the stage to its end, kill one of its processes at the moment, and note what is left."""
    mark, started = uuid.uuid4().hex, time.monotonic()
    with (folder / "said").open("a") as file:
        stage = line.begin(folder, "train", stdout=file, **{MARK: mark})
        seen: set[tuple[int, str]] = set()
        while stage.poll() is None:
            seconds = time.monotonic() - started
            now = {(pid, began(pid)) for pid in (*descendants(stage.pid), *marked(MARK, mark))}
            seen |= {(pid, start) for pid, start in now if start}
            if seconds > moment:
                run.victim, run.epochs = kill_one(stage, mark, random), epochs_kept(folder)
                moment = float("inf")
            if seconds > LONGEST_S:
                run.hung = True
                stage.kill()
            time.sleep(0.25)
    run.statuses.append(stage.returncode)
    ended = time.monotonic()
    run.orphans += left({process for process in seen if process[0] != stage.pid}, mark)
    run.lingered_s = max(run.lingered_s, round(time.monotonic() - ended, 1))


def kill_one(stage: subprocess.Popen[str], mark: str, random: np.random.Generator) -> str:
    """Kill a process of a drawn kind; one of any kind where there is none of it."""
    kind = str(random.choice(VICTIMS))
    alive = {pid: name_of(pid) for pid in sorted({*descendants(stage.pid), *marked(MARK, mark)})}
    alive[stage.pid] = "stage"
    pid = int(random.choice([pid for pid, name in alive.items() if name == kind] or list(alive)))
    os.kill(pid, signal.SIGKILL)
    return alive[pid]


def left(processes: set[tuple[int, str]], mark: str) -> list[str]:
    """Return the names of those that are still there after LONGEST_LINGER_S, and end them."""
    latest = time.monotonic() + LONGEST_LINGER_S
    while time.monotonic() < latest:
        alive = sorted({pid for pid, start in processes if began(pid) == start} | set(marked(MARK, mark)))
        if not alive:
            return []
        time.sleep(0.2)
    names = [name_of(pid) for pid in alive]
    end(alive)
    return names


def began(pid: int) -> str:
    """When a live process began, empty for one that is gone: with the pid it names a process."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if told[0] == "Z" else told[19]


def epochs_kept(folder: Path) -> int:
    """How many epochs the checkpoint holds."""
    paths = [path for path in (folder / STATE_FOLDER / "checkpoints").glob("*.npz") if ".partial" not in path.name]
    if not paths:
        return 0
    with np.load(paths[0]) as file:
        return len(json.loads(str(file["scalars"]))["history"])


def main(count: int, seed: int) -> int:
    """Say how each run went; return the exit status."""
    found: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="trimline-kills-") as folder:
        for number, run in enumerate(runs(count, seed, Path(folder) / "line")):
            told = (
                f"{run.victim or 'nothing'} at {run.moment_s} s, {run.epochs} epochs kept" if number else "undisturbed"
            )
            again = f", statuses {run.statuses}" if len(run.statuses) > 1 else ""
            bad = "" if run.good else f" NOT AS IT SHOULD BE: {run}"
            say(f"run {number} of {count}: {told}{again}, the last process gone after {run.lingered_s} s{bad}")
            found.append(run)
    good = sum(run.good for run in found[1:])
    say(f"{good} of {count} runs ended with equal bytes, no orphan and no hang")
    return 0 if all(run.good for run in found) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.exit(main(options.runs, options.seed))
