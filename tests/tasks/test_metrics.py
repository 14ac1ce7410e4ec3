"""Metrics and their intervals: against the libraries, against loops, and against what is known to be true."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sacrebleu
from sklearn import metrics as sklearn_metrics

from tasks.core.errors import DataError
from tasks.core.params.gates import Evaluate
from tasks.data.records import Array
from tasks.kinds.regression.evaluation import EVALUATION, Regression
from tasks.kinds.translation.evaluation import Translation
from tasks.metrics import classifier
from tasks.metrics.bootstrap import Metrics, accuracy_drop, compared, percentile_interval, resampled
from tasks.metrics.classification import LEVELS, Classification, Settings, scored
from tasks.metrics.kind_evaluation import Predictions
from tasks.metrics.ranking import Ranking

SETTINGS = Settings(top_k=2, calibration_bins=10)
CLASSES = ["ant", "bee", "cow"]


def params(**changes: Any) -> Evaluate:
    return Evaluate.model_validate({"top_k": 2, "resamples": 300} | changes)


def drawn(rows: int, seed: int, sharpness: float = 1.5) -> tuple[Array, Array]:
    """Labels, and probabilities that are often right."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, rows, p=[0.5, 0.3, 0.2])
    logits = random.normal(size=(rows, 3))
    logits[np.arange(rows), labels] += sharpness
    exponentials = np.exp(logits)
    return labels, (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("rows", [LEVELS // 3 - 1, LEVELS // 3, LEVELS // 3 + 1, 400])
def test_every_metric_of_a_resample_is_that_of_the_rows_that_it_draws(rows: int) -> None:
    labels, probabilities = drawn(rows, seed=rows)
    model = Classification(labels, probabilities, CLASSES, SETTINGS)
    (counts,) = resampled(rows, 5, seed=0)
    got = model.of_resamples(counts)
    assert counts.sum(axis=0).tolist() == [rows] * 5
    for draw in range(5):
        chosen = np.repeat(np.arange(rows), counts[:, draw].astype(int))
        expected = scored(labels[chosen], probabilities[chosen], CLASSES, SETTINGS).values
        assert set(got) == set(expected)
        for name, value in expected.items():
            # ranking metrics are computed on LEVELS levels: exact where there are no more scores than that
            tolerance = 1e-5 if 3 * rows <= LEVELS or ("roc" not in name and "average_p" not in name) else 5e-3
            assert got[name][draw] == pytest.approx(value, abs=tolerance), name


def test_regression_metrics_of_a_resample_are_those_of_the_rows_that_it_draws() -> None:
    random = np.random.default_rng(0)
    targets = random.normal(size=200) * 1e5 + 2e5
    predictions = targets + random.normal(size=200) * 2e4
    (counts,) = resampled(200, 4, seed=1)
    got = Regression(targets, predictions).of_resamples(counts)
    for draw in range(4):
        chosen = np.repeat(np.arange(200), counts[:, draw].astype(int))
        expected = Regression(targets[chosen], predictions[chosen]).values()
        assert {name: values[draw] for name, values in got.items()} == pytest.approx(expected, rel=1e-4)


def test_regression_metrics_are_those_of_scikit_learn_and_r2_of_a_constant_is_undefined() -> None:
    targets, predictions = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    got = Regression(targets, predictions).values()
    assert got == {"mse": 1.25 / 3, "rmse": pytest.approx((1.25 / 3) ** 0.5), "mae": 0.5, "r2": got["r2"]}
    assert got["r2"] == pytest.approx(sklearn_metrics.r2_score(targets, predictions), abs=1e-12)
    constant = compared(Regression(np.ones(5), np.ones(5)), Regression(np.ones(5), np.zeros(5)), params())
    assert constant["r2"] == {"value": None, "interval": None, "drop": None, "drop_interval": None}
    assert constant["mae"]["drop"] == -1.0


def test_bleu_and_chrf_are_those_of_sacrebleu_and_come_with_its_signature() -> None:
    references = ["the cat sat on the mat", "he reads a long book in bed", "it rains"] * 20
    hypotheses = ["the cat sat on a mat", "he reads a book in bed", ""] * 20
    model = Translation(references, hypotheses)
    got = model.values()
    assert got["bleu"] == sacrebleu.corpus_bleu(hypotheses, [references]).score
    assert got["chrf"] == sacrebleu.corpus_chrf(hypotheses, [references]).score
    assert "tok:13a" in model.signatures()["bleu"] and "nc:6" in model.signatures()["chrf"]
    (counts,) = resampled(60, 3, seed=0)
    for draw in range(3):
        chosen = np.repeat(np.arange(60), counts[:, draw].astype(int))
        expected = sacrebleu.corpus_bleu([hypotheses[row] for row in chosen], [[references[row] for row in chosen]])
        assert model.of_resamples(counts)["bleu"][draw] == pytest.approx(expected.score)


def test_an_empty_reference_is_refused_with_its_row() -> None:
    with pytest.raises(DataError, match="rows 1 "):
        Translation(["a", " ", "b"], ["a", "b", "c"])


def test_ranking_metrics_follow_from_the_place_of_the_item() -> None:
    table = np.array([[3, 2, 1, 0], [0, 1, 2, 3], [1, 3, 2, 0]], float)
    got = Ranking(np.array([0, 0, 2]), table, k=2).values()
    assert got == {"hit_rate_at_2": pytest.approx(2 / 3), "ndcg_at_2": pytest.approx((1 + 1 / np.log2(3)) / 3)}
    all_once = Ranking(np.array([0, 0, 2]), table, k=2).of_resamples(np.ones((3, 1), np.float32))
    assert {name: float(value[0]) for name, value in all_once.items()} == pytest.approx(got)
    assert Ranking(np.array([0]), table[:1], k=4).values() == {"hit_rate_at_4": None, "ndcg_at_4": None}


def test_a_class_that_is_missing_from_the_rows_is_named_and_left_out_of_the_averages() -> None:
    labels, probabilities = drawn(60, seed=1)
    labels[labels == 2] = 0
    got = scored(labels, probabilities, CLASSES, SETTINGS)
    assert got.undefined["recall of cow"] == got.undefined["roc_auc of cow"] == "no row of this class"
    assert got.per_class[2]["recall"] is None and got.per_class[2]["rows"] == 0
    assert got.values["recall_macro"] == pytest.approx(
        np.mean([got.per_class[0]["recall"], got.per_class[1]["recall"]])
    )
    assert got.values["roc_auc_macro"] == pytest.approx(
        np.mean([got.per_class[0]["roc_auc"], got.per_class[1]["roc_auc"]])
    )


def test_a_constant_prediction_has_undefined_precisions_and_no_silent_zero() -> None:
    labels = np.array([0, 0, 1, 2])
    got = classifier.measure(
        Predictions(labels, np.tile([0.6, 0.3, 0.1], (4, 1)), np.eye(3)[labels], {"classes": CLASSES}, {}, params())
    )
    assert got["undefined"] == {"precision of bee": "never predicted", "precision of cow": "never predicted"}
    assert got["per_class"]["bee"] == {
        "precision": None, "recall": 0.0, "f1": 0.0, "roc_auc": 0.5, "average_precision": 0.25, "rows": 1,
    }  # fmt: skip
    assert got["scores"]["precision_macro"]["value"] == 0.5
    assert got["scores"]["accuracy"]["drop"] == 0.5
    assert got["confusion"] == [[2, 0, 0], [1, 0, 0], [1, 0, 0]]


def test_rows_of_one_class_have_no_ranking_and_say_so() -> None:
    probabilities = drawn(20, seed=2)[1]
    got = classifier.measure(
        Predictions(np.zeros(20, int), probabilities, probabilities, {"classes": CLASSES}, {}, params())
    )
    assert got["scores"]["roc_auc_macro"]["value"] is got["scores"]["roc_auc_macro"]["interval"] is None
    assert got["undefined"]["roc_auc_macro"] == "all rows are of one class"
    assert got["undefined"]["roc_auc of ant"] == "no row of another class"
    assert got["scores"]["accuracy"]["value"] is not None


def test_top_k_is_undefined_where_there_are_no_more_classes_than_k() -> None:
    labels, probabilities = drawn(50, seed=3)
    got = classifier.measure(
        Predictions(labels, probabilities, probabilities, {"classes": CLASSES}, {}, params(top_k=3))
    )
    assert got["scores"]["top_3_accuracy"] == {"value": None, "interval": None, "drop": None, "drop_interval": None}
    assert got["undefined"]["top_3_accuracy"] == "there are only 3 classes"


def test_equal_seeds_give_equal_intervals_and_other_seeds_others() -> None:
    labels, probabilities = drawn(200, seed=4)
    one, again, other = (
        classifier.measure(
            Predictions(labels, probabilities, probabilities[::-1], {"classes": CLASSES}, {}, params(seed=seed))
        )
        for seed in (0, 0, 1)
    )
    assert one == again != other


@pytest.mark.parametrize("undefined", [np.nan, np.inf])
def test_an_interval_of_what_is_mostly_undefined_is_none(undefined: float) -> None:
    assert percentile_interval(np.array([0.5] * 80 + [undefined] * 20), 0.95) is None
    assert percentile_interval(np.array([0.5] * 95 + [undefined] * 5), 0.95) == [0.5, 0.5]


def one_hard_row() -> tuple[Array, Array]:
    """Sixty rows that are all right but the only one of its class."""
    labels = np.arange(60) % 2
    labels[7] = 2
    probabilities = np.eye(3)[np.arange(60) % 2] * 0.8 + 0.1
    return labels, probabilities.astype(np.float32)


def test_a_resample_without_a_row_of_a_class_is_undefined_and_not_perfect() -> None:
    labels, probabilities = one_hard_row()
    model = Classification(labels, probabilities, CLASSES, SETTINGS)
    counts = np.ones((60, 2), np.float32)
    counts[7, 1], counts[8, 1] = 0, 2
    got = model.of_resamples(counts)
    of_all = model.values()
    for name in ("balanced_accuracy", "recall_macro", "f1_macro", "roc_auc_macro", "average_precision_macro"):
        assert got[name][0] == pytest.approx(of_all[name], abs=1e-6)
        assert np.isnan(got[name][1]), name
    assert got["recall_macro"][0] == pytest.approx(2 / 3) and got["accuracy"][1] == 1.0


def test_undefined_resamples_are_left_out_and_counted_and_too_many_leave_no_interval() -> None:
    labels, probabilities = one_hard_row()
    rare = Classification(labels, probabilities, CLASSES, SETTINGS)
    found = compared(rare, rare, params())
    # one row of 60 is in no more than 63 % of the resamples
    assert 90 < found["recall_macro"]["undefined_resamples"] < 130
    assert found["recall_macro"]["interval"] is found["recall_macro"]["drop_interval"] is None
    assert "undefined_resamples" not in found["accuracy"] and found["accuracy"]["interval"]
    labels[:6] = 2
    labels[7] = 1
    less_rare = Classification(labels, probabilities, CLASSES, SETTINGS)
    found = compared(less_rare, less_rare, params(resamples=2000))
    assert 0 < found["recall_macro"]["undefined_resamples"] < 20 and found["recall_macro"]["interval"]


@pytest.mark.parametrize("scale", [1e25, 1e-12, 1e-25])
def test_huge_and_tiny_targets_have_the_intervals_of_others_in_their_unit(scale: float) -> None:
    random = np.random.default_rng(0)
    targets = random.normal(size=120).astype(np.float32)
    predictions = (targets + random.normal(size=120) * 0.3).astype(np.float32)[:, np.newaxis]
    metadata = {"table": {"target": "y"}}
    plain, scaled = (
        EVALUATION.measure(
            Predictions(targets * unit, predictions * unit, predictions[::-1] * unit, metadata, {}, params())
        )
        for unit in (np.float32(1), np.float32(scale))
    )
    for name, power in (("rmse", 1), ("mae", 1), ("mse", 2), ("r2", 0)):
        for key in ("value", "drop"):
            assert scaled["scores"][name][key] == pytest.approx(plain["scores"][name][key] * scale**power, rel=1e-3)
        for key in ("interval", "drop_interval"):
            expected = [end * scale**power for end in plain["scores"][name][key]]
            assert scaled["scores"][name][key] == pytest.approx(expected, rel=1e-3)
    assert scaled["agreement_interval"] == pytest.approx(plain["agreement_interval"], rel=1e-3)
    assert [one["drop_interval"] for one in scaled["slices"]] == [
        pytest.approx(one["drop_interval"], rel=1e-3) for one in plain["slices"]
    ]
    json.dumps(scaled, allow_nan=False)


def test_a_slice_that_the_reference_has_without_an_error_has_no_loss_in_percent() -> None:
    targets = np.arange(40, dtype=np.float32)
    own, exact = (targets + 1)[:, np.newaxis], targets[:, np.newaxis]
    found = EVALUATION.measure(Predictions(targets, own, exact, {"table": {"target": "y"}}, {}, params()))
    assert {one["drop"] for one in found["slices"]} == {None} and {one["drop_interval"] for one in found["slices"]} == {
        None
    }
    json.dumps(found, allow_nan=False)


def regressed(rows: int, random: np.random.Generator) -> tuple[Metrics, Metrics]:
    targets = random.normal(size=rows)
    return Regression(targets, targets + random.normal(size=rows)), Regression(
        targets, targets + 0.9 * random.normal(size=rows)
    )


def classified(rows: int, random: np.random.Generator) -> tuple[Metrics, Metrics]:
    labels, own = drawn(rows, seed=int(random.integers(2**31)))
    shared = own * np.exp(random.normal(size=own.shape) * 0.5)  # another model: the same scores, disturbed
    other = (shared / shared.sum(axis=1, keepdims=True)).astype(np.float32)
    return Classification(labels, own, CLASSES, SETTINGS), Classification(labels, other, CLASSES, SETTINGS)


COVERED: dict[str, tuple[Callable[[int, np.random.Generator], tuple[Metrics, Metrics]], list[str]]] = {
    "classification": (
        classified,
        ["accuracy", "f1_macro", "precision_weighted", "log_loss", "roc_auc_macro", "average_precision_micro"],
    ),
    "regression": (regressed, ["rmse", "mae"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", COVERED)
def test_intervals_of_95_percent_cover_the_truth_in_93_to_97_percent_of_1000_draws(kind: str) -> None:
    make, names = COVERED[kind]
    random = np.random.default_rng(0)
    truth = {name: [one["value"], one["drop"]] for name, one in compared(*make(400_000, random), params()).items()}
    covered = {name: [0, 0] for name in names}
    for _ in range(1000):
        found = compared(*make(500, random), params(resamples=500, seed=int(random.integers(2**31))))
        for name in names:
            for place, key in enumerate(("interval", "drop_interval")):
                low, high = found[name][key]
                covered[name][place] += low <= truth[name][place] <= high
    assert all(930 <= count <= 970 for counts in covered.values() for count in counts), covered


@pytest.mark.slow
def test_the_interval_of_the_accuracy_drop_covers_where_few_rows_differ() -> None:
    random, covered = np.random.default_rng(0), 0
    for _ in range(1000):
        reference = random.random(500) < 0.97
        own = np.where(random.random(500) < 0.02, ~reference, reference)
        low, high = accuracy_drop(reference, own, 0.95)["accuracy_drop_interval"]
        covered += low <= 0.02 * (0.97 - 0.03) <= high
    assert 930 <= covered <= 980, covered
