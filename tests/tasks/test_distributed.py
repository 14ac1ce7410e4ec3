"""Two processes that train one model by Ray: the same bytes each time, even if one is killed; what is refused."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.tasks import line
from tests.tasks.kills import LONGEST_LINGER_S
from tests.tasks.running import (
    EPOCHS,
    descendants,
    end,
    lines_of,
    name_of,
    pids_of_worker,
    processes_of,
    require_none_left,
    spread_line,
    wait_for_an_epoch,
    wait_until,
    worker_after,
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = spread_line(tmp_path_factory.mktemp("gang") / "line")
    stage = line.begin(folder, "train")
    said, _ = stage.communicate(timeout=400)
    assert stage.returncode == 0, said
    assert f"epoch {EPOCHS} of {EPOCHS}" in said
    return folder


def test_two_workers_learn_and_leave_nothing_behind(undisturbed: Path) -> None:
    history = (undisturbed / "reports/train/history.csv").read_text().splitlines()
    names = history[0].split(",")
    accuracies = [float(row.split(",")[names.index("val_accuracy")]) for row in history[1:]]
    assert max(accuracies) > 0.9
    require_none_left(undisturbed)
    assert not list((undisturbed / ".trimline/distributed").iterdir()) and not list(
        (undisturbed / ".trimline/checkpoints").iterdir()
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_worker_costs_a_restart_and_no_byte(number: int, undisturbed: Path, tmp_path: Path) -> None:
    folder = spread_line(tmp_path / "line")
    stage = line.begin(folder, "train")
    said = lines_of(stage)
    wait_for_an_epoch(said)
    os.kill(pids_of_worker(folder, rank=1)[-1], number)
    rest = "".join(said)
    assert stage.wait(timeout=400) == 0, rest
    assert rest.count("is process") == 1 and "epoch 1 of" not in rest  # one restart, from the checkpoint
    assert line.tree(folder / "models/base") == line.tree(undisturbed / "models/base")
    require_none_left(folder)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_ended_stage_leaves_no_process_and_goes_on_to_the_same_bytes(
    number: int, undisturbed: Path, tmp_path: Path
) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("what a shell starts in the background ignores this signal")
    folder = spread_line(tmp_path / "line")
    stage = line.begin(folder, "train")
    wait_for_an_epoch(lines_of(stage))
    assert processes_of(folder)
    stage.send_signal(number)
    assert stage.wait(timeout=60) != 0
    # Where Ray's GCS ends first, its agents look for it for a minute; a stage that can, ends them itself.
    require_none_left(folder, LONGEST_LINGER_S if number == signal.SIGKILL else 20)
    again = line.begin(folder, "train")
    said, _ = again.communicate(timeout=400)
    assert again.returncode == 0 and "epoch 1 of" not in said, said
    assert line.tree(folder / "models/base") == line.tree(undisturbed / "models/base")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seconds"), [("default_worker.py", 0), ("worker", 0), ("worker", 3)])
def test_a_worker_that_is_lost_while_it_starts_costs_no_byte(
    name: str, seconds: int, undisturbed: Path, tmp_path: Path
) -> None:
    folder = spread_line(tmp_path / "line")
    with (tmp_path / "said").open("w") as file:
        stage = line.begin(folder, "train", stdout=file)
        started = wait_until(lambda: [pid for pid in descendants(stage.pid) if name_of(pid) == name], 60, name)
        time.sleep(seconds)  # a worker is the first, then the second, and loads TensorFlow for some seconds
        end(started[:1])
        assert stage.wait(timeout=200) == 0, (tmp_path / "said").read_text()
    assert line.tree(folder / "models/base") == line.tree(undisturbed / "models/base")
    require_none_left(folder)


@pytest.mark.slow
def test_a_worker_that_is_lost_again_and_again_ends_the_stage_which_names_it_and_its_log(tmp_path: Path) -> None:
    folder = spread_line(tmp_path / "line")
    with (tmp_path / "said").open("w") as file:
        stage = line.begin(folder, "train", stdout=file)
        for lost in range(4):
            end([worker_after(folder, 1, lost)])
        assert stage.wait(timeout=120) == 1
    said = (tmp_path / "said").read_text()
    (log,) = folder.glob(".trimline/distributed/*/worker-1.log")
    assert "workers failed 4 times" in said and "worker 1: " in said and f"its log: {log}" in said, said
    require_none_left(folder)


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_all_workers_at_once(tmp_path: Path) -> None:
    folder = spread_line(tmp_path / "line", learning_rate=1e38)  # no sum of such weights is a number
    stage = line.begin(folder, "train")
    said, _ = stage.communicate(timeout=120)
    assert stage.returncode == 1 and "lower the learning rate" in said, said
    assert said.count("is process") == 1
    require_none_left(folder)


@pytest.mark.slow
def test_fine_tuning_has_one_cluster_for_its_three_runs(tmp_path: Path) -> None:
    folder = line.create(tmp_path / "line")
    params = line.tiny_params()
    params["fine_tune"] |= {"workers": 2}
    line.write_params(folder, params)
    line.run_all(folder, [*line.FILES[:4], "train"])
    clusters: set[int] = set()
    with (tmp_path / "said").open("w") as file:
        stage = line.begin(folder, "fine_tune", stdout=file)
        while stage.poll() is None:
            clusters |= {pid for pid in processes_of(folder) if name_of(pid) == "raylet"}
            time.sleep(0.5)
    said = (tmp_path / "said").read_text()
    assert stage.returncode == 0 and said.count("worker 0 of 2 is process") == 3, said
    assert len(clusters) == 1
    require_none_left(folder)


PART = """
from pathlib import Path
import numpy as np
from tasks.core import environment
from tasks.core.progress import say
from tasks.data import columns
from tasks.data.columns import Subset
from tasks.line import params_file
environment.set_threads(1, onednn=True)
from tasks.models import saving
from tasks.models.architectures import conv_net
from tasks.models.checkpoint import Checkpoint
from tasks.models.distributed import fit_distributed
from tasks.models.learning_task import IMAGES, LearningTask

if __name__ == "__main__":
    params, data = params_file.load().train, columns.load(Path("data/ready/base"))
    some = np.arange(data.rows("train") + data.rows("validation"))
    part = Subset(data.folder, data.metadata, {"train": some[-80:], "validation": some[:40], "test": some[:0]})
    network, checkpoint = conv_net.build(params, saving.metadata_of(data)), Checkpoint("part", params, [])
    fit = params.fit.model_copy(update={"epochs": 3})
    task = LearningTask(IMAGES, saving.metadata_of(data))
    fit_distributed(network, part, task, fit, checkpoint, name="part", spread=params)
    say(f"steps: {int(checkpoint.read().optimizer[0])}")
"""


@pytest.mark.slow
def test_workers_train_on_the_rows_of_a_part_alone(tmp_path: Path) -> None:
    """Else a fold would be measured on rows that it was trained on."""
    folder = spread_line(tmp_path / "line")
    (folder / "part.py").write_text(PART)
    stage = line.start(folder, [sys.executable, "part.py"])
    said, _ = stage.communicate(timeout=200)
    assert stage.returncode == 0 and "steps: 15" in said, said  # 3 epochs of 80 rows, 16 at once
    require_none_left(folder)


def test_more_workers_than_processors_are_refused(tmp_path: Path) -> None:
    folder = spread_line(tmp_path / "line", workers=64, batch_size=64)
    done = line.run_warm(folder, "train")
    assert done.returncode == 78, done.stdout
    assert "CPU where 64 are needed" in done.stdout and "lower workers" in done.stdout


def test_an_address_where_nothing_answers_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = spread_line(tmp_path / "line")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    stage = line.begin(folder, "train")
    said, _ = stage.communicate(timeout=60)
    assert stage.returncode == 75, said
    assert "RAY_ADDRESS=127.0.0.1:1" in said and "ray start --head" in said


def test_an_address_where_something_else_listens_is_no_hang(tmp_path: Path) -> None:
    folder = spread_line(tmp_path / "line")
    with socket.create_server(("127.0.0.1", 0)) as other:
        stage = line.begin(folder, "train", RAY_ADDRESS=f"127.0.0.1:{other.getsockname()[1]}")
        said, _ = stage.communicate(timeout=60)
    assert stage.returncode == 75 and "timed out" in said and "correct the address" in said, said


def test_a_batch_that_is_no_multiple_of_the_workers_stops_every_stage(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no multiple of workers"):
        spread_line(tmp_path / "line", workers=3)
