"""Training that was killed and started again gives the bytes of an undisturbed run."""

import csv
import shutil
import signal
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from tasks.data import columns
from tasks.models.checkpoint import Checkpoint, TrainingState
from tests.tasks import line

OUTPUTS = {
    "train": ["models/base", "reports/train"],
    "fine_tune": ["models/tuned", "reports/fine_tune"],
    "compress@pruned_qat_int8": ["models/compressed/pruned_qat_int8"],
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line that was trained in peace, in runs long enough to be killed in their midst."""
    folder = line.create(tmp_path_factory.mktemp("training") / "line")
    params = line.tiny_params()
    params["train"]["fit"] = line.fit(10)
    params["fine_tune"] |= {"head": line.fit(2), "all_layers": line.fit(6)}
    params["compress"]["pruned_qat_int8"]["steps"][1]["fit"] = line.fit(4, 1e-3)
    line.write_params(folder, params)
    return line.run_all(folder, [*line.FILES, *OUTPUTS])


def copy_before(undisturbed: Path, name: str, folder: Path) -> Path:
    """The same line as it was before this stage ran."""
    shutil.copytree(undisturbed, folder)
    for stage in list(OUTPUTS)[list(OUTPUTS).index(name) :]:
        for path in OUTPUTS[stage]:
            shutil.rmtree(folder / path)
    return folder


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ".trimline/checkpoints").glob("*"))


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("train", "train: epoch 1 of 10"),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in (
                ("fine_tune", "all_layers: epoch 1 of 6"),
                ("compress@pruned_qat_int8", "pruned_qat_int8-quantize_aware: epoch 1 of 4"),
            )
        ),
    ],
)
def test_a_killed_run_goes_on_to_the_same_bytes(name: str, moment: str, undisturbed: Path, tmp_path: Path) -> None:
    folder = copy_before(undisturbed, name, tmp_path / "line")
    stage = line.begin(folder, name)
    assert stage.stdout
    while moment not in (said := stage.stdout.readline()):
        assert said, f"{name} ended before it said {moment!r}"
    stage.send_signal(signal.SIGKILL)
    stage.communicate()
    assert stage.returncode == -signal.SIGKILL
    assert checkpoints(folder) and not any((folder / path).exists() for path in OUTPUTS[name])

    done = line.run_warm(folder, name)
    assert done.returncode == 0, done.stdout
    assert moment not in done.stdout  # it went on, and did not begin again
    for path in OUTPUTS[name]:
        assert line.tree(folder / path) == line.tree(undisturbed / path)
    assert checkpoints(folder) == []


def test_nothing_is_left_of_an_undisturbed_run_but_its_outputs(undisturbed: Path) -> None:
    assert checkpoints(undisturbed) == []
    assert not list(undisturbed.rglob(".*.partial"))


def test_the_history_has_a_row_per_epoch_and_ends_better_than_it_began(undisturbed: Path) -> None:
    with (undisturbed / "reports/train/history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(len(rows))) and len(rows) <= 10
    assert {row["run"] for row in rows} == {"train"}
    losses = [float(row["val_loss"]) for row in rows]
    assert min(losses) < 0.5 * losses[0]
    with (undisturbed / "reports/fine_tune/history.csv").open(newline="") as file:
        runs = [row["run"] for row in csv.DictReader(file)]
    tuned = [run for run in runs if run != "from_scratch"]
    assert set(tuned) == {"head", "all_layers"} and runs.count("from_scratch") <= len(tuned)


def test_a_loss_that_is_not_finite_ends_the_stage_with_advice(undisturbed: Path, tmp_path: Path) -> None:
    folder = copy_before(undisturbed, "train", tmp_path / "line")
    params = line.tiny_params()
    params["train"]["fit"]["learning_rate"] = 1e38
    line.write_params(folder, params)
    done = line.run_warm(folder, "train")
    assert done.returncode == 1, done.stdout
    assert "a loss of" in done.stdout and "lower the learning rate" in done.stdout
    assert not (folder / "models/base").exists()


def test_a_batch_that_is_larger_than_the_training_split_is_a_fault_of_the_parameters(
    undisturbed: Path, tmp_path: Path
) -> None:
    folder = copy_before(undisturbed, "train", tmp_path / "line")
    params = line.tiny_params()
    params["train"]["fit"]["batch_size"] = 1 + columns.load(folder / "data/ready/base").rows("train")
    line.write_params(folder, params)
    done = line.run_warm(folder, "train")
    assert done.returncode == 78, done.stdout
    assert (
        f"batch_size: {params['train']['fit']['batch_size']}" in done.stdout
        and "rows of the training split" in done.stdout
    )


def test_a_checkpoint_gives_back_every_part_of_a_state(tmp_path: Path) -> None:
    state = TrainingState(
        history=[{"epoch": 0, "val_loss": 0.5}, {"epoch": 1, "val_loss": 0.75}], best_loss=0.5,
        epochs_without_improvement=1, weights=[np.ones((2, 3))], best=[np.zeros((2, 3))], optimizer=[np.arange(4)],
    )  # fmt: skip
    checkpoint = Checkpoint.at(tmp_path / f"train-{'0' * 32}.npz")
    checkpoint.write(state)
    read = checkpoint.read()
    assert read is not None
    for field in fields(TrainingState):
        got, written = getattr(read, field.name), getattr(state, field.name)
        assert np.array_equal(got, written), field.name
