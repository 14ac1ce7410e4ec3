"""What simple baselines reach on the rows that the network is measured on."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.metrics import accuracy_score, root_mean_squared_error

from tasks.baseline import baseline, strongest
from tasks.core.errors import ParamsError
from tasks.core.files import read_json
from tasks.core.params.gates import Baseline
from tasks.data import columns
from tasks.data.columns import Column
from tasks.data.records import Array
from tasks.data.shards import write_split
from tasks.kinds import evaluation_of
from tasks.kinds.image_classification.evaluation import pixels, shrinking
from tasks.metrics.baselines import WORD, chosen_rows, logistic_regression, probabilities
from tasks.metrics.word_lookup import WordLookup
from tests.tasks import line, texts
from tests.tasks.reports import Reader


@pytest.fixture(scope="module")
def target(tiny_line: Path) -> columns.Dataset:
    return columns.load(tiny_line / "data/ready/target")


def run(tiny_line: Path, report: Path, **changes: int) -> bytes:
    params = line.params_of(tiny_line)
    section = params.baseline.model_copy(update=changes)
    baseline(
        section, params.evaluate, "image_classification", params.compute,
        data=tiny_line / "data/ready/target", report=report,
    )  # fmt: skip
    return report.read_bytes()


def test_the_scores_are_those_of_the_answers_on_the_test_rows(tiny_line: Path, target: columns.Dataset) -> None:
    document, labels = read_json(tiny_line / "reports/baseline.json"), target.column("test", "label").all()
    for name, outputs in (
        evaluation_of("image_classification").baselines(target, line.params_of(tiny_line).baseline).items()
    ):
        assert outputs.shape == (len(labels), 10)
        np.testing.assert_allclose(outputs.sum(axis=1), 1)
        expected = accuracy_score(labels, outputs.argmax(axis=1))
        assert document["baselines"][name]["accuracy"] == pytest.approx(expected)
        low, high = document["intervals"][name]["accuracy"]
        assert low < expected < high
    assert document["strongest"] == "logistic_regression"
    assert document["rows"] == len(labels)
    assert document["training_rows"] == target.rows("train")


def test_pixels_are_enough_for_most_digits_and_the_majority_for_few(tiny_line: Path) -> None:
    reached = read_json(tiny_line / "reports/baseline.json")["baselines"]
    assert reached["logistic_regression"]["accuracy"] > 0.85
    assert reached["majority_class"]["accuracy"] < 0.2


def test_equal_runs_give_equal_bytes_and_another_seed_other_rows(tiny_line: Path, tmp_path: Path) -> None:
    first = run(tiny_line, tmp_path / "a.json", max_rows=100)
    assert first == run(tiny_line, tmp_path / "b.json", max_rows=100)
    assert first != run(tiny_line, tmp_path / "c.json", max_rows=100, seed=1)
    assert json.loads(first)["training_rows"] == 100


def test_at_most_the_rows_that_are_asked_for_are_chosen_none_twice(target: columns.Dataset) -> None:
    rows = chosen_rows(target, Baseline(max_rows=100, seed=0))
    assert len(set(rows.tolist())) == 100
    assert rows.tolist() == sorted(rows)
    assert rows.max() < target.rows("train")


def test_large_images_are_shrunk_to_means_of_blocks() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 70, 40, 3), np.uint8)
    got = pixels(Column([images]), np.array([2, 0])).reshape(2, 23, 20, 3)
    assert got[0, 5, 7, 1] == pytest.approx(images[2, 15:18, 14:16, 1].mean() / 255)
    assert pixels(Column([images[:, :8, :8]]), np.arange(3)).shape == (3, 8 * 8 * 3)


def test_a_class_without_chosen_rows_is_never_answered() -> None:
    images, labels = load_digits(n_class=2, return_X_y=True)
    found = probabilities(logistic_regression(), images, labels * 2, images, 4)
    assert set(found.argmax(axis=1)) == {0, 2}
    assert not found[:, [1, 3]].any()


def test_chosen_rows_of_one_class_are_refused() -> None:
    with pytest.raises(ParamsError, match="rows of one class"):
        probabilities(logistic_regression(), np.eye(5), np.zeros(5, int), np.eye(5), 2)


def test_the_page_the_card_and_the_table_show_them(tiny_line: Path) -> None:
    document = read_json(tiny_line / "reports/baseline.json")
    page = Reader((tiny_line / "reports/report.html").read_text())
    own = read_json(tiny_line / "release/manifest.json")["recipe"]
    measured = read_json(tiny_line / f"reports/evaluate/{own}/metrics.json")["scores"]
    simple = page.rows("Simple baselines on the same rows")
    assert len(simple) == len(measured)
    values = [measured["accuracy"]["value"], *(one["accuracy"] for one in document["baselines"].values())]
    assert simple["Accuracy"] == [f"{value:.2%}" for value in values]
    sentence = f"majority class {values[1]:.2%}, logistic regression {values[2]:.2%}"
    for name in ("reports/model_card.md", "reports/results.md"):
        assert sentence in (tiny_line / name).read_text()


def dataset(folder: Path, rows: dict[str, Array], **metadata: Any) -> columns.Dataset:
    """A data set of whole columns, the first two thirds of them to train on, the last quarter to measure on."""
    count = len(next(iter(rows.values())))
    bounds = {
        "train": (0, 2 * count // 3),
        "validation": (2 * count // 3, 3 * count // 4),
        "test": (3 * count // 4, None),
    }
    parts = {split: {name: values[slice(*bound)] for name, values in rows.items()} for split, bound in bounds.items()}
    splits = {split: write_split(folder, split, [part]) for split, part in parts.items()}
    return columns.Dataset(folder, {"splits": splits, **metadata})


def test_trees_predict_numbers_of_a_table_far_better_than_their_mean(tmp_path: Path) -> None:
    data, values = load_diabetes(return_X_y=True)
    target = dataset(
        tmp_path, {"features": data.astype(np.float32), "value": values.astype(np.float32)}, target="value"
    )
    outputs = evaluation_of("regression").baselines(target, Baseline(max_rows=1000, seed=0))
    truth = target.column("test", "value").all()
    errors = {name: root_mean_squared_error(truth, found) for name, found in outputs.items()}
    assert {found.shape for found in outputs.values()} == {(len(truth), 1)}
    assert np.unique(outputs["mean"]) == pytest.approx(target.column("train", "value").all().mean())
    assert errors["gradient_boosting"] < 0.9 * errors["mean"]


def test_trees_tell_classes_of_a_table(tmp_path: Path) -> None:
    data, labels = load_digits(n_class=3, return_X_y=True)
    table = {"features": data.astype(np.float32), "label": labels.astype(np.int32)}
    target = dataset(tmp_path, table, target="label", classes=["0", "1", "2"])
    outputs = evaluation_of("tabular_classification").baselines(target, Baseline(max_rows=200, seed=0))
    right = {
        name: (found.argmax(axis=1) == target.column("test", "label").all()).mean() for name, found in outputs.items()
    }
    assert right["gradient_boosting"] > 0.9
    assert right["majority_class"] < 0.5


def test_words_tell_spam_and_no_text_is_without_words(tmp_path: Path) -> None:
    target = texts.ready(tmp_path, texts.messages(0, 400))
    outputs = evaluation_of("text_classification").baselines(target, Baseline(max_rows=1000, seed=0))
    labels = target.column("test", "label").all()
    right = {name: (found.argmax(axis=1) == labels).mean() for name, found in outputs.items()}
    assert right["tfidf_linear"] >= max(right["majority_class"], 0.93)
    np.testing.assert_allclose(outputs["tfidf_linear"].sum(axis=1), 1)
    sure = outputs["tfidf_linear"].max(axis=1).mean()
    assert abs(sure - right["tfidf_linear"]) < 0.05  # as sure as it is right
    assert re.findall(WORD, "?! :)") == list("?!:)")


def test_a_class_that_texts_do_not_show_has_no_probability(tmp_path: Path) -> None:
    lines = [f"{'ham' if number % 2 else 'spam'}\t{word} {number}" for number, word in enumerate(["yes", "no"] * 60)]
    target = texts.ready(tmp_path, lines)
    more = columns.Dataset(target.folder, {**target.metadata, "classes": ["ham", "spam", "other"]})
    found = evaluation_of("text_classification").baselines(more, Baseline(max_rows=1000, seed=0))["tfidf_linear"]
    assert found.shape == (target.rows("test"), 3) and found[:, 2].max() < 1e-6


def test_words_are_looked_up_one_by_one_and_unknown_ones_copied() -> None:
    pairs = {
        "the cat": "le chat",
        "the dog": "le chien",
        "a cat": "un chat",
        "a dog": "un chien",
        "The cow": "le boeuf",
    }
    lookup = WordLookup(list(pairs), list(pairs.values()))
    assert lookup.translate("the cow, a dog and Oslo.") == "le boeuf, un chien and Oslo."


def test_the_strongest_method_is_named_whichever_way_is_better_and_undefined_ones_are_passed_over() -> None:
    reached = {"a": 2.0, "b": None, "c": 1.0}
    assert strongest(reached, lower_is_better=True) == "c"
    assert strongest(reached, lower_is_better=False) == "a"
    assert strongest({"b": None}, lower_is_better=False) is None


def test_features_of_photographs_are_taken_where_it_takes_minutes_at_most(tmp_path: Path) -> None:
    random, labels = np.random.default_rng(0), np.arange(48) % 2
    images = random.integers(0, 120, (48, 32, 32, 3), np.uint8)
    images[labels == 1, ::4] += 120  # stripes
    rows = {"image": images, "label": labels.astype(np.int32)}
    inputs = {"image": {"shape": [32, 32, 3], "dtype": "uint8"}}
    target = dataset(tmp_path, rows, target="label", classes=["plain", "striped"], inputs=inputs)
    outputs = evaluation_of("image_classification").baselines(target, Baseline(max_rows=100, seed=0))
    truth = target.column("test", "label").all()
    assert (outputs["pretrained_features"].argmax(axis=1) == truth).all()
    assert shrinking([224, 224, 3], 400) == 1
    assert shrinking([224, 224, 3], 5000) == 2
    assert shrinking([224, 224, 3], 1_000_000) == 0
    assert shrinking([28, 28, 1], 10) == 0
