"""Fine-tuning: what it trains at which rate, what it keeps of the base model, and the data-efficiency curve."""

import csv
import shutil
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import ParamsError
from tasks.core.files import read_json
from tasks.core.params.sections import FineTune
from tasks.core.params.training import Augment
from tasks.data import columns
from tasks.line import params_file
from tasks.reporting.results import gain
from tests.tasks import line

OUTPUTS = ("models/tuned", "reports/fine_tune")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny line that was fine-tuned with all that there is to ask for."""
    folder = line.create(tmp_path_factory.mktemp("tuning") / "line")
    params = line.tiny_params()
    params["fine_tune"] |= {
        "head": line.fit(2), "last_layers": {"layers": 2, "fit": line.fit(2)}, "all_layers": line.fit(4),
        "bottom_rate": 0.3, "data_efficiency": {"fractions": [0.3], "seeds": [1, 2]},
    }  # fmt: skip
    line.write_params(folder, params)
    return line.run_all(folder, [*line.FILES, "train", "fine_tune"])


def comparison(folder: Path) -> Any:
    return read_json(folder / "reports/fine_tune/comparison.json")


def test_layers_are_unfrozen_from_the_head_down(tuned: Path) -> None:
    with (tuned / "reports/fine_tune/history.csv").open(newline="") as file:
        runs = [row["run"] for row in csv.DictReader(file)]
    assert list(dict.fromkeys(runs)) == ["head", "last_layers", "all_layers", "from_scratch"]
    assert runs.count("from_scratch") == len(runs) / 2


def test_the_head_alone_and_training_from_scratch_stand_beside_fine_tuning(tuned: Path) -> None:
    compared, rows = comparison(tuned), columns.load(tuned / "data/ready/target").rows("test")
    runs = [compared[run] for run in ("fine_tuned", "head_only", "from_scratch")]
    assert all(run["rows"] == rows and 0 <= run["accuracy"] <= 1 for run in runs)
    assert compared["fine_tuned"]["accuracy"] > 0.7


def test_without_a_rate_for_it_nothing_is_trained_from_scratch(tuned: Path, tmp_path: Path) -> None:
    shutil.copytree(tuned, tmp_path / "line")
    params = line.tiny_params()
    params["fine_tune"] |= {"head": line.fit(1), "all_layers": line.fit(1), "from_scratch_learning_rate": None}
    line.write_params(tmp_path / "line", params)
    compared = comparison(line.run_all(tmp_path / "line", ["fine_tune"]))
    assert set(compared) == {"primary", "fine_tuned", "head_only", "data_efficiency"}
    assert "training from scratch was not tried" in gain(compared)
    with pytest.raises(ValueError, match="compares two starts"):
        FineTune.model_validate({"from_scratch_learning_rate": None, "data_efficiency": {"fractions": [1.0]}})


def test_the_curve_has_both_starts_at_each_fraction_and_seed(tuned: Path) -> None:
    points, train = comparison(tuned)["data_efficiency"], columns.load(tuned / "data/ready/target").rows("train")
    assert [(point["fraction"], point["seed"]) for point in points] == [(0.3, 1), (0.3, 2)]
    assert [abs(point["rows"] - point["fraction"] * train) <= 5 for point in points] == [True] * 2  # rounded by class
    assert all(0 <= point[start] <= 1 for point in points for start in ("pretrained", "from_scratch"))
    assert sum(point["pretrained"] - point["from_scratch"] for point in points) > 0


@pytest.mark.slow
def test_a_curve_that_was_killed_goes_on_to_the_same_bytes(tuned: Path, tmp_path: Path) -> None:
    shutil.copytree(tuned, tmp_path / "line")
    for path in OUTPUTS:
        shutil.rmtree(tmp_path / "line" / path)
    stage = line.begin(tmp_path / "line", "fine_tune")
    assert stage.stdout
    while (moment := "rows, seed 2, head: epoch 1") not in (said := stage.stdout.readline()):
        assert said, f"fine_tune ended before it said {moment!r}"
    stage.send_signal(signal.SIGKILL)
    stage.communicate()
    done = line.run(tmp_path / "line", "fine_tune")
    assert done.returncode == 0, done.stdout
    assert "seed 2, from_scratch" in done.stdout and "seed 1" not in done.stdout and moment not in done.stdout
    for path in OUTPUTS:
        assert line.tree(tmp_path / "line" / path) == line.tree(tuned / path)
    assert not list((tmp_path / "line/.trimline/checkpoints").glob("*"))


def test_the_target_is_normalised_as_the_base_model_was(tuned: Path) -> None:
    base, kept = (read_json(tuned / f"models/{name}/model.json")["data"] for name in ("base", "tuned"))
    assert kept["normalisation"] == base["normalisation"]
    target = columns.load(tuned / "data/ready/target").metadata
    assert kept["normalisation"] != target["normalisation"] and kept["classes"] == target["classes"]


def test_smaller_parts_are_within_larger_ones_and_have_each_class(tuned: Path) -> None:
    from tasks.models.fine_tuning import nested

    target = columns.load(tuned / "data/ready/target")
    labels = target.column("train", "label").all()
    parts = [nested(target, fraction, seed=3) for fraction in (0.001, 0.3, 0.6, 1.0)]
    for smaller, larger in pairwise(parts):
        assert set(smaller) < set(larger)
    assert [len(part) for part in parts[::3]] == [10, len(labels)]
    whole = np.bincount(labels)
    assert np.abs(np.bincount(labels[parts[2]]) - 0.6 * whole).max() <= 0.5
    assert not np.array_equal(parts[1], nested(target, 0.3, seed=4))


def test_a_step_falls_from_the_head_to_the_first_layer_by_the_factor() -> None:
    import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip
    import tensorflow as tf
    from tf_keras import Input, Sequential, layers, optimizers

    from tasks.models.training_loop import LayerwiseAdam, layerwise_factors

    model = Sequential([
        Input((8, 8, 1)), layers.Conv2D(2, 3), layers.BatchNormalization(), layers.Conv2D(2, 3), layers.Flatten(),
        layers.Dense(2),
    ])  # fmt: skip
    variables = model.trainable_variables
    graded = LayerwiseAdam(0.1, layerwise_factors(model, 0.25))
    plain = optimizers.Adam(0.1)
    gradients = [tf.ones_like(variable) for variable in variables]
    steps = []
    for optimizer in (plain, graded):
        before = [variable.numpy() for variable in variables]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        steps.append([np.mean(now - was) for now, was in zip(variables, before, strict=True)])
    ratios = np.divide(steps[1], steps[0])
    np.testing.assert_allclose(ratios, [0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 1, 1], rtol=1e-3)


def test_mirrored_images_are_whole_and_about_half_of_them() -> None:
    from tasks.models.learning_task import IMAGES

    images = np.random.default_rng(0).integers(0, 255, (400, 6, 5, 3), np.uint8)
    flips = Augment(max_shift=0, flip=True)
    got = IMAGES.augment({"image": images}, flips, np.random.default_rng(1))["image"]
    same = (got == images).all(axis=(1, 2, 3))
    mirrored = (got == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all() and 150 < mirrored.sum() < 250 and got.dtype == np.uint8
    for none in (None, Augment(max_shift=0, flip=False)):
        np.testing.assert_array_equal(
            IMAGES.augment({"image": images}, none, np.random.default_rng(1))["image"], images
        )


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("bottom_rate", 0.0, "greater than 0"),
        ("last_layers", {"layers": 1, "fit": line.fit(1)}, "greater than or equal to 2"),
        ("data_efficiency", {"fractions": [1.0, 0.1], "seeds": [0]}, "name each once, the smallest first"),
        ("data_efficiency", {"fractions": [0.1], "seeds": [0, 0]}, "name each once, the smallest first"),
    ],
)
def test_a_wrong_parameter_is_named(key: str, value: Any, told: str) -> None:
    params = line.tiny_params()
    params["fine_tune"] |= {key: value}
    with pytest.raises(ParamsError, match=told):
        params_file.check(params)


def test_a_start_with_a_new_head_has_to_be_tuned() -> None:
    params = line.complete("presets/clothing.yaml") | {"fine_tune": None}
    with pytest.raises(ParamsError, match="the head of mobilenet_v2_035 is new"):
        params_file.check(params)
