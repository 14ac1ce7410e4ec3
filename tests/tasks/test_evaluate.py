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

from tasks.core.files import read_json
from tasks.data import columns
from tasks.metrics.bootstrap import accuracy_drop, wilson
from tasks.tflite.file import File
from tests.tasks import line

every_recipe = pytest.mark.parametrize("recipe", line.RECIPES)


def results(folder: Path, recipe: str) -> tuple[dict[str, Any], Any, Any]:
    """Metrics, true labels and guesses of a recipe."""
    report = folder / "reports/evaluate" / recipe
    predictions = np.load(report / "predictions.npz")
    return read_json(report / "metrics.json"), predictions["label"], predictions["outputs"].argmax(axis=1)


def expected_scores(labels: Any, scores: Any) -> dict[str, float]:
    """What anyone gets from the saved predictions with scikit-learn."""
    guesses, shares = scores.argmax(axis=1), scores.astype(float) / scores.astype(float).sum(axis=1, keepdims=True)
    truth = np.eye(10)[labels]
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(labels, guesses),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(labels, guesses),
        "top_3_accuracy": sklearn_metrics.top_k_accuracy_score(labels, scores, k=3, labels=range(10)),
        "log_loss": sklearn_metrics.log_loss(labels, shares, labels=range(10)),
    }
    for average in ("macro", "weighted"):
        three = sklearn_metrics.precision_recall_fscore_support(labels, guesses, average=average, zero_division=np.nan)
        expected |= {f"{name}_{average}": three[place] for place, name in enumerate(("precision", "recall", "f1"))}
    for average in ("macro", "micro"):
        expected[f"roc_auc_{average}"] = sklearn_metrics.roc_auc_score(truth, scores, average=average)
        expected[f"average_precision_{average}"] = sklearn_metrics.average_precision_score(
            truth, scores, average=average
        )
    confidence, right = shares.max(axis=1), guesses == labels
    bins = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
    gaps = [abs((right - confidence)[bins == one].sum()) for one in range(15)]
    return expected | {"calibration_error": sum(gaps) / len(labels)}


@every_recipe
def test_every_metric_is_that_of_scikit_learn_on_the_saved_predictions(recipe: str, tiny_line: Path) -> None:
    got, labels, guesses = results(tiny_line, recipe)
    scores = np.load(tiny_line / f"reports/evaluate/{recipe}/predictions.npz")["outputs"]
    expected = expected_scores(labels, scores)
    assert {name: one["value"] for name, one in got["scores"].items()} == pytest.approx(expected, abs=1e-9)
    reference = np.load(tiny_line / "reports/evaluate/float32/predictions.npz")["outputs"]
    before = expected_scores(labels, reference)
    signs = {name: 1 if name in {"log_loss", "calibration_error"} else -1 for name in expected}
    drops = {name: signs[name] * (expected[name] - before[name]) for name in expected}
    assert {name: one["drop"] for name, one in got["scores"].items()} == pytest.approx(drops, abs=1e-9)
    report = sklearn_metrics.classification_report(labels, guesses, output_dict=True, zero_division=np.nan)
    assert list(got["per_class"]) == [str(digit) for digit in range(10)]
    for index, (name, measured) in enumerate(got["per_class"].items()):
        own, one = labels == index, {key: report[name][key] for key in ("precision", "recall")}
        one |= {"f1": report[name]["f1-score"], "rows": report[name]["support"]}
        one["roc_auc"] = sklearn_metrics.roc_auc_score(own, scores[:, index])
        one["average_precision"] = sklearn_metrics.average_precision_score(own, scores[:, index])
        assert measured == pytest.approx(one, abs=1e-9)


@every_recipe
def test_every_interval_holds_its_value_and_that_of_float32_against_itself_is_nothing(
    recipe: str, tiny_line: Path
) -> None:
    got = results(tiny_line, recipe)[0]
    for name, one in got["scores"].items():
        for value, (low, high) in ((one["value"], one["interval"]), (one["drop"], one["drop_interval"])):
            assert low - 1e-6 <= value <= high + 1e-6, name
    if recipe == "float32":
        assert {one["drop"] for one in got["scores"].values()} == {0.0}


@every_recipe
def test_every_test_row_is_measured_on_once(recipe: str, tiny_line: Path) -> None:
    data = columns.load(tiny_line / "data/ready/target")
    predictions = np.load(tiny_line / f"reports/evaluate/{recipe}/predictions.npz")
    assert (predictions["row"] == data.column("test", "row").all()).all()
    assert (predictions["label"] == data.column("test", "label").all()).all()
    assert predictions["outputs"].shape == (data.rows("test"), 10)


@every_recipe
def test_the_confusion_counts_true_classes_in_rows_and_the_table_lists_each_row(recipe: str, tiny_line: Path) -> None:
    got, labels, guesses = results(tiny_line, recipe)
    counted = np.zeros((10, 10), int)
    np.add.at(counted, (labels, guesses), 1)
    assert got["confusion"] == counted.tolist()
    with (tiny_line / f"reports/evaluate/{recipe}/tables/confusion.csv").open(newline="") as file:
        rows = [(int(row["actual"]), int(row["predicted"])) for row in csv.DictReader(file)]
    assert rows == list(zip(labels.tolist(), guesses.tolist(), strict=True))


@every_recipe
def test_the_area_under_the_plotted_curves_is_that_of_the_metrics(recipe: str, tiny_line: Path) -> None:
    got, labels, _ = results(tiny_line, recipe)
    folder = tiny_line / "reports/evaluate" / recipe
    with (folder / "tables/roc.csv").open(newline="") as file:
        points = [row for row in csv.DictReader(file) if row["class"] == "all classes"]
    area = sklearn_metrics.auc(
        [float(row["false_positive_rate"]) for row in points], [float(row["true_positive_rate"]) for row in points]
    )
    assert area == pytest.approx(got["scores"]["roc_auc_micro"]["value"], abs=0.01)
    with (folder / "tables/reliability.csv").open(newline="") as file:
        bins = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert sum(one["rows"] for one in bins) == len(labels)
    error = sum(one["rows"] * abs(one["accuracy"] - one["confidence"]) for one in bins) / len(labels)
    assert error == pytest.approx(got["scores"]["calibration_error"]["value"])
    with (folder / "tables/precision_recall.csv").open(newline="") as file:
        assert {row["class"] for row in csv.DictReader(file)} == {"all classes", *got["per_class"]}


@every_recipe
def test_slices_are_parts_of_the_test_rows_the_worst_first(recipe: str, tiny_line: Path) -> None:
    got, labels, guesses = results(tiny_line, recipe)
    assert [one["accuracy"] for one in got["slices"]] == sorted(one["accuracy"] for one in got["slices"])
    for one in got["slices"]:
        part = labels == int(one["slice"].removeprefix("class = "))
        assert one["rows"] == part.sum() and one["accuracy"] == (guesses == labels)[part].mean()
        assert one["accuracy"] == got["per_class"][one["slice"].removeprefix("class = ")]["recall"]


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
    accuracy = got["scores"]["accuracy"]
    assert accuracy["drop"] == pytest.approx((reference == labels).mean() - (guesses == labels).mean())
    expected = accuracy_drop(reference == labels, guesses == labels, 0.95)
    assert accuracy["drop_interval"] == expected["accuracy_drop_interval"]


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
    assert wilson(correct, rows, 0.95) == pytest.approx([centre - half, centre + half], abs=1e-9)


def test_the_interval_in_the_metrics_is_that_of_the_accuracy(tiny_line: Path) -> None:
    got, labels, guesses = results(tiny_line, "float32")
    assert got["scores"]["accuracy"]["interval"] == wilson(int((guesses == labels).sum()), got["rows"], 0.95)


def test_a_file_that_gives_no_numbers_is_refused_and_the_last_metrics_stay(tiny_line: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_line, tmp_path / "line"))
    path = folder / "models/tflite/float32.tflite"
    file = File(path.read_bytes())
    (first, *_) = file.weighted()
    file.set_values(first.kernel, np.full_like(file.values(first.kernel), np.nan))
    path.write_bytes(file.content())
    done = line.run(folder, "evaluate@float32")
    assert done.returncode == 1 and "NaN or infinite outputs" in done.stdout and "90 of 90 test rows" in done.stdout
    assert line.tree(folder / "reports") == line.tree(tiny_line / "reports")


def test_a_slice_of_a_column_that_is_not_there_is_refused(tiny_line: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_line, tmp_path / "line"))
    params = line.tiny_params()
    params["evaluate"]["slices"] = [{"column": "writer", "at_least": None, "below": None}]
    line.write_params(folder, params)
    done = line.run(folder, "evaluate@int8")
    assert done.returncode == 78 and "writer" in done.stdout and "preprocess.target.attributes is null" in done.stdout


def test_columns_beside_the_data_become_slices(tiny_line: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_line, tmp_path / "line"))
    lines = (folder / "incoming/target.csv").read_text().splitlines()
    rows = [f"target.csv:{number},{'anna' if number % 3 else 'ben'},{number}" for number in range(1, len(lines) + 1)]
    raw = Path(shutil.move(folder / "incoming/target.csv", folder / "target.csv"))
    (folder / "incoming/target").mkdir()
    shutil.move(raw, folder / "incoming/target/target.csv")
    (folder / "incoming/target/rows.csv").write_text("\n".join(["source,writer,number", *rows]) + "\n")
    params = line.tiny_params()
    params["ingest"]["target"]["tracked"] = "incoming/target"
    params["preprocess"]["target"]["attributes"] = "rows.csv"
    params["evaluate"]["slices"] = [
        {"column": "writer", "at_least": None, "below": None}, {"column": "number", "at_least": 100, "below": 200.5},
    ]  # fmt: skip
    line.write_params(folder, params)
    line.run_all(folder, ["ingest@target", "preprocess@target", "evaluate@int8"])
    got, labels, guesses = results(folder, "int8")
    number = columns.load(folder / "data/ready/target").column("test", "number").all()
    parts = {one["slice"]: one for one in got["slices"] if not one["slice"].startswith("class")}
    assert set(parts) == {"writer = anna", "writer = ben", "number >= 100 and number < 200.5"}
    for name, part in (
        ("writer = ben", number % 3 == 0), ("number >= 100 and number < 200.5", (number >= 100) & (number < 200.5)),
    ):  # fmt: skip
        assert parts[name]["rows"] == part.sum()
        assert parts[name]["accuracy"] == (guesses == labels)[part].mean()


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
