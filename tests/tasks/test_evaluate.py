"""The metrics are those that anyone would compute from the predictions, and the sizes those of the files."""

import csv
import lzma
import math
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from ai_edge_litert.interpreter import Interpreter
from sklearn import metrics as sklearn_metrics

from tasks.contracts.files import read_json
from tasks.data import columns
from tasks.kinds.image_classification import scores
from tests.tasks import line

every_recipe = pytest.mark.parametrize("recipe", line.RECIPES)


def results(folder: Path, recipe: str) -> tuple[dict[str, Any], Any, Any]:
    """Metrics, true labels and guesses of a recipe."""
    report = folder / "reports/evaluate" / recipe
    predictions = np.load(report / "predictions.npz")
    return read_json(report / "metrics.json"), predictions["label"], predictions["probabilities"].argmax(axis=1)


@every_recipe
def test_metrics_are_those_of_scikit_learn(recipe: str, tiny_line: Path) -> None:
    got, labels, guesses = results(tiny_line, recipe)
    assert got["accuracy"] == sklearn_metrics.accuracy_score(labels, guesses) == got["correct"] / got["rows"]
    assert got["macro"]["f1"] == pytest.approx(sklearn_metrics.f1_score(labels, guesses, average="macro"))
    report = sklearn_metrics.classification_report(labels, guesses, output_dict=True, zero_division=0)
    assert list(got["per_class"]) == [str(digit) for digit in range(10)]
    for name, measured in got["per_class"].items():
        expected = {key: report[name][key] for key in ("precision", "recall")}
        expected |= {"f1": report[name]["f1-score"], "rows": report[name]["support"]}
        assert measured == pytest.approx(expected)


@every_recipe
def test_every_test_row_is_measured_on_once(recipe: str, tiny_line: Path) -> None:
    data = columns.load(tiny_line / "data/ready/target")
    predictions = np.load(tiny_line / f"reports/evaluate/{recipe}/predictions.npz")
    assert (predictions["row"] == data.column("test", "row").all()).all()
    assert (predictions["label"] == data.column("test", "label").all()).all()
    assert predictions["probabilities"].shape == (data.rows("test"), 10)


@every_recipe
def test_the_confusion_counts_true_classes_in_rows_and_the_table_lists_each_row(recipe: str, tiny_line: Path) -> None:
    got, labels, guesses = results(tiny_line, recipe)
    counted = np.zeros((10, 10), int)
    np.add.at(counted, (labels, guesses), 1)
    assert got["confusion"] == counted.tolist()
    with (tiny_line / f"reports/evaluate/{recipe}/confusion.csv").open(newline="") as file:
        rows = [(int(row["actual"]), int(row["predicted"])) for row in csv.DictReader(file)]
    assert rows == list(zip(labels.tolist(), guesses.tolist(), strict=True))


@every_recipe
def test_the_zip_bytes_are_those_of_a_zip_of_the_file(recipe: str, tiny_line: Path, tmp_path: Path) -> None:
    file = tiny_line / f"models/tflite/{recipe}.tflite"
    with zipfile.ZipFile(tmp_path / "a.zip", "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.write(file, file.name)
    got = results(tiny_line, recipe)[0]
    assert (got["size_bytes"], got["zip_bytes"]) == (file.stat().st_size, (tmp_path / "a.zip").stat().st_size)


@every_recipe
def test_agreement_is_counted_on_the_same_rows(recipe: str, tiny_line: Path) -> None:
    got, _, guesses = results(tiny_line, recipe)
    assert got["agreement_with_float32"] == (guesses == results(tiny_line, "float32")[2]).mean()
    assert recipe != "float32" or got["agreement_with_float32"] == 1.0


@every_recipe
def test_the_drop_is_that_against_float32_on_the_same_rows(recipe: str, tiny_line: Path) -> None:
    got, labels, guesses = results(tiny_line, recipe)
    _, _, reference = results(tiny_line, "float32")
    assert got["accuracy_drop"] == pytest.approx((reference == labels).mean() - (guesses == labels).mean())
    low, high = got["accuracy_drop_interval"]
    assert low < got["accuracy_drop"] < high


@every_recipe
def test_the_other_sizes_are_those_of_xz_and_of_the_entropy_of_the_constants(recipe: str, tiny_line: Path) -> None:
    got, _, _ = results(tiny_line, recipe)
    path = tiny_line / f"models/tflite/{recipe}.tflite"
    assert got["xz_bytes"] == len(lzma.compress(path.read_bytes()))
    interpreter = Interpreter(model_path=str(path))
    operators = [one for one in interpreter._get_ops_details() if one["op_name"] in {"CONV_2D", "FULLY_CONNECTED"}]
    kernels = [interpreter.get_tensor(one["inputs"][1]).ravel() for one in operators]
    bits = sum(
        scipy.stats.entropy(np.unique(kernel, return_counts=True)[1], base=2) * kernel.size for kernel in kernels
    )
    assert bits / 8 < got["entropy_bytes"] < min(bits / 8 + 1000, got["size_bytes"])


@pytest.mark.parametrize(("correct", "rows"), [(0, 10), (1, 10), (88, 93), (557, 557)])
def test_the_interval_is_wilsons(correct: int, rows: int) -> None:
    z = 1.959963984540054
    centre = (correct + z * z / 2) / (rows + z * z)
    half = z / (rows + z * z) * math.sqrt(correct * (rows - correct) / rows + z * z / 4)
    assert scores.interval(correct, rows, 0.95) == pytest.approx([centre - half, centre + half], abs=1e-9)


def test_the_interval_in_the_metrics_is_that_of_the_accuracy(tiny_line: Path) -> None:
    got = results(tiny_line, "float32")[0]
    assert got["accuracy_interval"] == scores.interval(got["correct"], got["rows"], 0.95)


def test_a_class_that_was_never_predicted_counts_as_zero() -> None:
    guesses = np.eye(3)[[0, 0, 1, 1]]
    got = scores.measure(np.array([0, 0, 1, 2]), guesses, ["a", "b", "c"], confidence=0.9)
    assert got["per_class"]["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "rows": 1}
    assert got["macro"]["recall"] == pytest.approx(2 / 3)
    assert got["confusion"] == [[2, 0, 0], [0, 1, 0], [0, 1, 0]]


def test_measuring_again_elsewhere_gives_equal_bytes(tiny_line: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_line, tmp_path / "line")
    shutil.rmtree(tmp_path / "line/reports/evaluate/int8")
    line.run_all(tmp_path / "line", ["evaluate@int8"])
    assert line.tree(tmp_path / "line/reports/evaluate") == line.tree(tiny_line / "reports/evaluate")


def test_a_file_that_is_cut_short_is_refused_and_the_last_metrics_stay(tiny_line: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_line, tmp_path / "line")
    (tmp_path / "line/models/tflite/int8.tflite").write_bytes(b"TFL3" * 5)
    done = line.run(tmp_path / "line", "evaluate@int8")
    assert done.returncode == 65 and "models/tflite/int8.tflite" in done.stdout
    assert line.tree(tmp_path / "line/reports") == line.tree(tiny_line / "reports")
