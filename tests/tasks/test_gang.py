"""Two processes that train one model by Ray: the same bytes each time, even if one is killed; what is refused."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tasks import line

EPOCHS = 60  # of 15 steps each


def spread_line(folder: Path, workers: int = 2, **fit: Any) -> Path:
    """A line up to its training, which two processes will do."""
    line.create(folder)
    params = line.tiny_params()
    params["train"] |= {"workers": workers, "fit": line.fit(EPOCHS) | fit}
    line.write_params(folder, params)
    return line.run_all(folder, ["ingest@base", "preprocess@base"])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = spread_line(tmp_path_factory.mktemp("gang") / "line")
    stage = line.start(folder, line.command("train"))
    said, _ = stage.communicate(timeout=400)
    assert stage.returncode == 0, said
    assert f"epoch {EPOCHS} of {EPOCHS}" in said
    return folder


def processes_of(folder: Path) -> list[int]:
    """The live processes in whose environment the folder is named, as it is in every worker's."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if f"PYTHONPATH={folder}".encode() in environment.split(b"\0"):
            found.append(int(process.name))
    return found


def require_none_left(folder: Path) -> None:
    for _ in range(100):
        if not processes_of(folder):
            return
        time.sleep(0.2)
    raise AssertionError(f"still there: {processes_of(folder)}")


def lines_of(stage: subprocess.Popen[str]) -> Iterator[str]:
    assert stage.stdout
    while said := stage.stdout.readline():
        yield said


def wait_for_an_epoch(said: Iterator[str]) -> None:
    """Read on until an epoch is over that is not the last; progress is told once a second at most."""
    found = next((match for each in said if (match := re.search(r"epoch (\d+) of", each))), None)
    assert found and int(found[1]) < EPOCHS / 2, found


def pid_of_worker(folder: Path, rank: int) -> int:
    """The last one that took the rank."""
    (log,) = folder.glob(f".trimline/gangs/*/worker-{rank}.log")
    told = [said for said in log.read_text().splitlines() if "is process" in said]
    return int(told[-1].split("is process ")[1].split()[0])


def test_two_workers_learn_and_leave_nothing_behind(undisturbed: Path) -> None:
    history = (undisturbed / "reports/train/history.csv").read_text().splitlines()
    names = history[0].split(",")
    accuracies = [float(row.split(",")[names.index("val_accuracy")]) for row in history[1:]]
    assert max(accuracies) > 0.9
    require_none_left(undisturbed)
    assert not list((undisturbed / ".trimline/gangs").iterdir()) and not list(
        (undisturbed / ".trimline/checkpoints").iterdir()
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)])
def test_a_lost_worker_costs_a_restart_and_no_byte(number: int, undisturbed: Path, tmp_path: Path) -> None:
    folder = spread_line(tmp_path / "line")
    stage = line.start(folder, line.command("train"))
    said = lines_of(stage)
    wait_for_an_epoch(said)
    lost = pid_of_worker(folder, rank=1)
    os.kill(lost, number)
    rest = "".join(said)
    assert stage.wait(timeout=400) == 0, rest
    assert rest.count("is process") == 1 and "epoch 1 of" not in rest  # one restart, from the checkpoint
    assert line.tree(folder / "models/base") == line.tree(undisturbed / "models/base")
    require_none_left(folder)


@pytest.mark.slow
def test_a_killed_stage_leaves_no_process_and_goes_on_to_the_same_bytes(undisturbed: Path, tmp_path: Path) -> None:
    folder = spread_line(tmp_path / "line")
    stage = line.start(folder, line.command("train"))
    wait_for_an_epoch(lines_of(stage))
    stage.kill()
    stage.wait()
    require_none_left(folder)
    again = line.start(folder, line.command("train"))
    said, _ = again.communicate(timeout=400)
    assert again.returncode == 0 and "epoch 1 of" not in said, said
    assert line.tree(folder / "models/base") == line.tree(undisturbed / "models/base")


def test_more_workers_than_processors_are_refused(tmp_path: Path) -> None:
    folder = spread_line(tmp_path / "line", workers=64, batch_size=64)
    done = line.run_warm(folder, "train")
    assert done.returncode == 78, done.stdout
    assert "CPU where 64 are asked for" in done.stdout and "lower workers" in done.stdout


def test_an_address_where_nothing_answers_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = spread_line(tmp_path / "line")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    stage = line.start(folder, line.command("train"))
    said, _ = stage.communicate(timeout=60)
    assert stage.returncode == 75, said
    assert "RAY_ADDRESS=127.0.0.1:1" in said and "ray start --head" in said


def test_a_batch_that_is_no_multiple_of_the_workers_stops_every_stage(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no multiple of workers"):
        spread_line(tmp_path / "line", workers=3)
