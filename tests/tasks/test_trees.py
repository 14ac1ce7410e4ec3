"""Boosted trees: the file answers as scikit-learn does, whatever the columns, and recipes work on it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.metrics import root_mean_squared_error

from tasks.core.params.gates import Baseline
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Export
from tasks.data import columns
from tasks.data.records import Array
from tasks.data.shards import write_split
from tasks.kinds import evaluation_of, export_of
from tasks.models import saving, tree_ensemble
from tasks.models.architectures import boosted_trees
from tasks.models.architectures.boosted_trees import Train
from tasks.tflite import runtime

SLIM: dict[str, Any] = {"steps": [], "precision": "float32", "float_layers": [], "finish": [{"step": "slim"}]}
SEXES = ["", "?", "1", "2"]  # missing, unseen and two known ones


def params(**changed: Any) -> Train:
    given = {"architecture": "boosted_trees", "tracked": "plan/train.json", "data": "target", **changed}
    return Train.model_validate(given)


def ready(
    folder: Path, kind: str, features: Array, target: Array, categorical: list[list[str]], **more: Any
) -> columns.Dataset:
    """A data set in three parts, whose last columns are indices of categories."""
    folder.mkdir(exist_ok=True)
    name = "value" if kind == "regression" else "label"
    rows = {"features": features.astype(np.float32), name: target}
    third = len(features) // 3
    bounds = {
        "train": (0, 2 * third),
        "validation": (2 * third, 2 * third + third // 2),
        "test": (2 * third + third // 2, None),
    }
    splits = {
        split: write_split(folder, split, [{key: value[slice(*bound)] for key, value in rows.items()}])
        for split, bound in bounds.items()
    }
    table = {
        "numeric": [{"name": f"n{index}"} for index in range(features.shape[1] - len(categorical))],
        "categorical": [{"name": f"c{index}", "values": values[2:]} for index, values in enumerate(categorical)],
        "target": name,
    }  # fmt: skip
    inputs = {"features": {"shape": [features.shape[1]], "dtype": "float32"}}
    return columns.Dataset(
        folder, {"kind": kind, "target": name, "splits": splits, "table": table, "inputs": inputs, **more}
    )


def patients(folder: Path) -> columns.Dataset:
    """How diabetes went on, from nine numbers and the sex of a patient."""
    data, values = load_diabetes(return_X_y=True, scaled=False)
    features = np.column_stack([np.delete(data, 1, axis=1), data[:, 1] + 1])
    scale = {"mean": float(values.mean()), "std": float(values.std())}
    return ready(folder, "regression", features, values.astype(np.float32), [SEXES], target_scale=scale)


def digits(folder: Path, count: int) -> columns.Dataset:
    """So many digits; the last pixel is a category."""
    data, labels = load_digits(n_class=count, return_X_y=True)
    categories = ["", "?", *map(str, range(17))]
    features = np.column_stack([data[:, :60], data[:, 43] + 2])
    names = [str(digit) for digit in range(count)]
    return ready(folder, "tabular_classification", features, labels.astype(np.int32), [categories], classes=names)


def answers(network: Any, data: columns.Dataset, **changed: Any) -> Array:
    """What the exported file gives for the test rows."""
    recipe = Recipe.model_validate({**SLIM, **changed})
    export = export_of(data.metadata["kind"])
    content = export.to_tflite(network, saving.metadata_of(data), recipe, data, Export(calibration_rows=20, seed=0))
    return runtime.infer(content, {"features": data.column("test", "features").all()}, 1)


def trees_of_sklearn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whatever estimators become ensembles from now on, with what they were asked for."""
    found: list[Any] = []
    taken = tree_ensemble.ensemble_of

    def noted(trees: Any, numbers: int, categories: Any) -> Any:
        found.append((trees, categories))
        return taken(trees, numbers, categories)

    monkeypatch.setattr(boosted_trees, "ensemble_of", noted)
    return found


@pytest.mark.parametrize("count", [2, 3])
def test_the_file_has_the_probabilities_of_scikit_learn(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, noted = digits(tmp_path, count), trees_of_sklearn(monkeypatch)
    network, _ = boosted_trees.take(params(rounds=12, patience=12), data, saving.metadata_of(data))
    ((trees, categories),) = noted
    best = int(np.argmax(trees.validation_score_))
    seen = tree_ensemble.seen_by_trees(data.column("test", "features").all(), categories)
    (expected,) = [found for done, found in enumerate(trees.staged_predict_proba(seen), start=1) if done == best]
    for precision, off in (("float32", 1e-5), ("dynamic", 0.02)):
        np.testing.assert_allclose(answers(network, data, precision=precision), expected, atol=off)


def test_the_file_has_the_numbers_of_scikit_learn_for_categories_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, noted = patients(tmp_path), trees_of_sklearn(monkeypatch)
    network, metadata = boosted_trees.take(params(rounds=60, patience=60), data, saving.metadata_of(data))
    ((trees, categories),) = noted
    seen = tree_ensemble.seen_by_trees(data.column("test", "features").all(), categories)
    staged = list(trees.staged_predict(seen))
    scale = metadata.data["target_scale"]
    expected = staged[int(np.argmax(trees.validation_score_)) - 1] * scale["std"] + scale["mean"]
    np.testing.assert_allclose(answers(network, data)[:, 0], expected, rtol=1e-5)
    strongest = evaluation_of("regression").baselines(data, Baseline(max_rows=1000, seed=0))["gradient_boosting"]
    truth = data.column("test", "value").all()
    assert root_mean_squared_error(truth, expected) < 1.05 * root_mean_squared_error(truth, strongest[:, 0])


def test_equal_fits_are_equal_and_a_saved_model_answers_alike(tmp_path: Path) -> None:
    data = patients(tmp_path / "data")
    for name in "ab":
        saving.save(*boosted_trees.take(params(rounds=5), data, saving.metadata_of(data)), tmp_path / name)
    assert (tmp_path / "a/model.h5").read_bytes() == (tmp_path / "b/model.h5").read_bytes()
    network, _ = boosted_trees.take(params(rounds=5), data, saving.metadata_of(data))
    loaded, _ = saving.load(tmp_path / "a")
    rows = data.column("test", "features").all()
    assert loaded(rows).numpy().tolist() == network(rows).numpy().tolist()


@pytest.mark.slow
def test_pruning_takes_leaves_and_hardly_changes_the_answers(tmp_path: Path) -> None:
    from tasks.compression.recipe import train
    from tasks.kinds import model_of
    from tasks.models.layers import kernels_of
    from tasks.models.learning_task import LearningTask

    data = patients(tmp_path)
    network, metadata = boosted_trees.take(params(rounds=30, patience=30), data, saving.metadata_of(data))
    step = {
        "step": "prune", "sparsity": 0.4, "layers": {"value": 0.0}, "schedule": "polynomial", "pattern": "unstructured",
        "fit": {"epochs": 3, "batch_size": 32, "learning_rate": 2e-5, "augment": None},
    }  # fmt: skip
    recipe = Recipe.model_validate({**SLIM, "steps": [step], "precision": "dynamic"})
    pruned, _, _ = train(network, LearningTask(model_of("regression"), metadata), recipe, data, "p", lambda _: None)
    assert (kernels_of(pruned)["leaf_values"] == 0).mean() > 0.39
    before, after = answers(network, data), answers(pruned, data, precision="dynamic")
    assert np.corrcoef(before[:, 0], after[:, 0])[0, 1] > 0.97


def test_bounds_part_the_rows_that_they_parted_with_64_bits() -> None:
    low, high = np.float32(1.0), np.nextafter(np.float32(1.0), np.float32(2.0))
    middle = np.array([(float(low) + float(high)) / 2, float(low)])
    bounds = tree_ensemble._rounded_down(middle)
    assert bounds.dtype == np.float32
    assert (low <= bounds).all() and (high > bounds).all()


def test_categories_are_in_the_order_of_the_target_and_unseen_ones_in_the_middle() -> None:
    features = np.array([[2.0], [2.0], [3.0], [4.0]] * 50)
    targets = np.array([[1.0], [1.0], [9.0], [5.0]] * 50)
    (found,) = tree_ensemble.categories_of(features, targets, [5])
    places = found.seen[:, 0].tolist()
    assert places[2] < min(places[0], places[1]) and places[3] == 4 and places[4] == 3
    assert found.seen[:, 1:].tolist() == np.eye(5).tolist()
    (many,) = tree_ensemble.categories_of(features, targets, [40])
    assert many.seen.shape == (40, 1)


@pytest.mark.parametrize("kind", ["regression", "tabular_classification"])
def test_the_layers_are_those_that_it_states(kind: str, tmp_path: Path) -> None:
    from tests.tasks.test_architectures import preprocess, types_of

    data = patients(tmp_path) if kind == "regression" else digits(tmp_path, 3)
    network, _ = boosted_trees.take(params(rounds=2), data, saving.metadata_of(data))
    section = preprocess("housing", kind)
    assert types_of(network) == boosted_trees.layer_types(params(), section)
