"""A classifier that may say "unsure" keeps the error rate that was asked for, on rows that chose nothing."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from tasks.core.files import read_json, write_json
from tasks.core.params.gates import Unsure
from tasks.data.records import Array
from tasks.metrics import selective
from tests.tasks import line

RESAMPLES, VALIDATION, TRAINED = 150, 500, 400


@pytest.fixture(scope="module")
def answers() -> tuple[Array, Array]:
    """Labels of real digits and the probabilities of a simple model that has not seen them."""
    digits = load_digits()
    model = LogisticRegression(max_iter=200).fit(digits.data[:TRAINED], digits.target[:TRAINED])
    return digits.target[TRAINED:], model.predict_proba(digits.data[TRAINED:])


@pytest.mark.parametrize(("max_error", "confidence"), [(0.05, 0.9), (0.02, 0.9), (0.05, 0.5)])
def test_the_answers_keep_the_rate_as_often_as_was_asked_for(
    answers: tuple[Array, Array], max_error: float, confidence: float
) -> None:
    labels, probabilities = answers
    random, params = np.random.default_rng(0), Unsure(max_error=max_error, confidence=confidence)
    broken, coverage = 0, []
    for _ in range(RESAMPLES):
        rows = random.permutation(len(labels))
        chosen, held_out = rows[:VALIDATION], rows[VALIDATION:]
        found = selective.measured(
            (labels[chosen], probabilities[chosen]), (labels[held_out], probabilities[held_out]), params
        )
        broken += found["threshold"] is not None and (found["error_rate"] or 0) > max_error
        coverage.append(found.get("coverage", 0.0))
    assert broken / RESAMPLES <= 1 - confidence
    assert np.mean(coverage) > 0.3, "a rule that never answers keeps any rate"


def test_a_model_that_errs_rarely_enough_answers_all_rows() -> None:
    labels = np.zeros(400, np.int64)
    probabilities = np.tile([0.9, 0.1], (400, 1))
    found = selective.measured((labels, probabilities), (labels, probabilities), Unsure())
    assert found["threshold"] == 0.9 and found["coverage"] == 1 and found["error_rate"] == 0


def test_rows_of_equal_confidence_are_answered_together() -> None:
    confidence = np.repeat([0.9, 0.6], 300)
    right = np.append(np.ones(300, bool), np.arange(300) % 5 > 0)
    assert selective.chosen_threshold(confidence, right, Unsure()) == 0.9


@pytest.mark.parametrize(
    ("rows", "wrong", "said"),
    [(0, 0, "0 validation rows"), (100, 0, "needs at least 183"), (400, 200, "errs too often")],
)
def test_where_no_threshold_keeps_the_rate_the_reason_says_what_would(rows: int, wrong: int, said: str) -> None:
    labels = np.append(np.zeros(rows - wrong, np.int64), np.ones(wrong, np.int64))
    probabilities = np.tile([0.9, 0.1], (rows, 1))
    test = np.zeros(3, np.int64), np.tile([0.9, 0.1], (3, 1))
    found = selective.measured((labels, probabilities) if rows else None, test, Unsure())
    assert found["threshold"] is None and said in found["reason"]


def test_as_many_validation_rows_as_the_reason_names_are_enough() -> None:
    rows = selective.rows_needed(Unsure())
    right, confidence = np.ones(rows, bool), np.full(rows, 0.9)
    assert selective.chosen_threshold(confidence, right, Unsure()) == 0.9
    assert selective.chosen_threshold(confidence[:-1], right[:-1], Unsure()) is None


def test_the_bundle_says_unsure_below_its_threshold(tiny_line: Path, tmp_path: Path) -> None:
    from tasks.commands.predict import Bundle

    bundle = Path(shutil.copytree(tiny_line / "release", tmp_path / "bundle"))
    assert read_json(bundle / "manifest.json")["unsure"] is None
    sure, doubtful = np.array([0.9, *[0.1 / 9] * 9]), np.array([0.4, *[0.6 / 9] * 9])
    assert not Bundle(bundle).is_unsure(doubtful)
    write_json(bundle / "manifest.json", read_json(bundle / "manifest.json") | {"unsure": {"threshold": 0.8}})
    assert Bundle(bundle).describe(doubtful).startswith("unsure: 0 40.0%")
    assert Bundle(bundle).describe(sure).startswith("0 90.0%")


def test_the_plan_refuses_it_where_there_are_no_classes() -> None:
    from tasks.line import params_file
    from tasks.plan import problems_of

    regression = params_file.check(line.complete("presets/housing.yaml") | {"evaluate": {"unsure": {}}})
    assert "evaluate.unsure: regression has no classes; write null" in problems_of(regression, Path("schemas"))
