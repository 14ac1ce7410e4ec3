"""Gates: a value that breaks its bound fails, rows that cannot tell are undecided, the undefined never passes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import DataError, ParamsError
from tasks.core.params import gates
from tasks.core.params.gates import Accept, Device, Release
from tasks.metrics.bootstrap import accuracy_drop
from tasks.metrics.candidates import Candidate, accepted, compared_with_baselines, nearest, smallest_passing
from tasks.metrics.gates import Gate, Judge, device_gate, failed, shown, undecided
from tests.graph_rules import ROOT

SCORES = {
    "accuracy": {"value": 0.95, "interval": [0.93, 0.97], "drop": 0.01, "drop_interval": [-0.01, 0.03]},
    "log_loss": {"value": 0.2, "interval": [0.1, 0.3], "drop": 0.0, "drop_interval": [0.0, 0.0]},
    "rmse": {"value": 3e25, "interval": [2e25, 4e25], "drop": 1e24, "drop_interval": [-1e24, 3e24]},
    "roc_auc_macro": {"value": None, "interval": None, "drop": None, "drop_interval": None},
    "f1_macro": {"value": 1.0, "interval": None, "drop": 0.0, "drop_interval": None},
}
JUDGE, STRICT = Judge("release", 80, True), Judge("release", 80, False)


def sliced(name: str, rows: int, drop: float | None, half: float = 0.1) -> dict[str, Any]:
    ends = None if drop is None else [drop - half, drop + half]
    return {"slice": name, "rows": rows, "accuracy": 0.5, "drop": drop, "drop_interval": ends}


@pytest.mark.parametrize(
    ("bound", "status"),
    [(0.92, "passed"), (0.93, "passed"), (0.94, "undecided"), (0.95, "undecided"), (0.951, "failed")],
)
def test_a_metric_passes_by_the_lower_end_of_its_interval_and_fails_by_its_value(bound: float, status: str) -> None:
    for judge in (JUDGE, STRICT):
        (gate,) = judge.scores(SCORES, "at_least", {"accuracy": bound})
        assert (gate.status, gate.name, gate.value) == (status, "at_least.accuracy", 0.95)
        assert gate.passed is (status == "passed" or (status == "undecided" and judge is JUDGE))
        assert bool(gate.reason) is (status != "passed")


@pytest.mark.parametrize(("bound", "status"), [(0.3, "passed"), (0.29, "undecided"), (0.19, "failed")])
def test_a_loss_is_held_by_the_upper_end_of_its_interval(bound: float, status: str) -> None:
    (gate,) = JUDGE.scores(SCORES, "at_most", {"log_loss": bound})
    assert gate.status == status


@pytest.mark.parametrize(("bound", "status"), [(0.03, "passed"), (0.029, "undecided"), (0.009, "failed")])
def test_a_drop_is_held_by_the_upper_end_of_its_paired_interval(bound: float, status: str) -> None:
    (gate,) = JUDGE.drops(SCORES, {"accuracy": bound})
    assert gate.status == status and gate.value == 0.01


def test_an_undecided_gate_says_with_how_many_rows_and_how_many_it_needs() -> None:
    (gate,) = JUDGE.drops(SCORES, {"accuracy": 0.019})
    assert gate.reason == "max_drop.accuracy: undecided with 80 rows: needs about 400 (up to 0.03 > 0.019)"
    assert (gate.rows, gate.needs_rows, gate.smallest_change) == (80, 400, None)
    assert undecided([gate]) == [gate.reason] and failed([gate]) == []
    (refused,) = STRICT.drops(SCORES, {"accuracy": 0.019})
    assert refused.smallest_change == "trimline set release.max_drop.accuracy=0.03"
    assert failed([refused]) == [gate.reason]


def test_the_rows_that_a_gate_asks_for_do_decide_it() -> None:
    """The estimate of the rows against a draw of that many: one recipe loses 1 % of the rows and gains none."""
    random = np.random.default_rng(0)

    def measured(rows: int) -> dict[str, Any]:
        own = np.arange(rows) >= round(0.01 * rows)
        random.shuffle(own)
        drop = accuracy_drop(np.full(rows, True), own, 0.95)
        return {"accuracy": {"drop": drop["accuracy_drop"], "drop_interval": drop["accuracy_drop_interval"]}}

    (few,) = Judge("release", 200, True).drops(measured(200), {"accuracy": 0.02})
    assert few.status == "undecided" and few.needs_rows is not None and 400 < few.needs_rows < 1000
    (enough,) = Judge("release", few.needs_rows, True).drops(measured(few.needs_rows), {"accuracy": 0.02})
    assert enough.status == "passed"


def test_a_value_on_its_bound_is_decided_by_no_number_of_rows() -> None:
    (gate,) = JUDGE.drops(SCORES, {"accuracy": 0.01})
    assert gate.status == "undecided" and gate.needs_rows is None
    assert "no number of rows would decide it" in str(gate.reason)


def test_what_is_undefined_or_has_no_interval_does_not_pass() -> None:
    found = [
        *JUDGE.scores(SCORES, "at_least", {"roc_auc_macro": 0.1, "f1_macro": 0.1}),
        *JUDGE.drops(SCORES, {"roc_auc_macro": 1.0, "f1_macro": 1.0}),
        *JUDGE.at_least("min_agreement", float("nan"), 0.1, [0.0, 1.0]),
        *JUDGE.at_least("min_agreement", 0.5, 0.1, [float("-inf"), 1.0]),
        *JUDGE.exact("max_memory_bytes", None, 5),
    ]
    assert {gate.status for gate in found} == {"failed"} and not any(gate.passed for gate in found)
    assert failed(found)[:2] == [
        "at_least.roc_auc_macro: undefined on these rows", "at_least.f1_macro: 1 without an interval",
    ]  # fmt: skip
    assert found[0].smallest_change == "trimline set 'release.at_least={\"f1_macro\": 0.1}'"


def test_a_metric_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(DataError, match=r"gates on acuracy(.|\n)*accuracy, log_loss"):
        JUDGE.scores(SCORES, "at_least", {"acuracy": 0.9})
    with pytest.raises(DataError, match=r"gates on acuracy(.|\n)*accuracy, log_loss"):
        JUDGE.drops(SCORES, {"acuracy": 0.9})


def test_no_bound_is_no_gate() -> None:
    assert JUDGE.exact("max_memory_bytes", 5, None) == JUDGE.at_least("min_agreement", 0.5, None, None) == []
    assert JUDGE.slices([sliced("class = a", 100, 0.9)], None, 30) == []


def test_a_loss_may_be_bounded_as_a_fraction_of_what_the_reference_has() -> None:
    before = {"rmse": 2.9e25, "accuracy": 0.0, "log_loss": 0.2}
    (gate,) = JUDGE.relative_drops(SCORES, before, {"rmse": 0.2})
    assert gate.status == "passed" and gate.value == pytest.approx(1 / 29)
    assert gate.interval == pytest.approx([-1 / 29, 3 / 29])
    (nothing,) = JUDGE.relative_drops(SCORES, before, {"accuracy": 0.2})
    assert nothing.status == "failed" and "undefined" in str(nothing.reason)
    (equal,) = JUDGE.relative_drops(SCORES, before, {"log_loss": 0.0})
    assert equal.status == "passed" and equal.value == 0.0


def test_the_slice_that_loses_most_decides_and_small_slices_do_not() -> None:
    slices = [sliced("class = a", 5, 0.4), sliced("class = b", 30, 0.12), sliced("class = c", 100, 0.02)]
    (gate,) = JUDGE.slices(slices, 0.05, 30)
    assert gate.status == "failed" and gate.rows == 30
    assert failed([gate]) == ["max_slice_drop: 0.12 > 0.05, in the slice class = b of 30 rows"]
    assert gate.smallest_change == "trimline set release.max_slice_drop=0.12"
    assert JUDGE.slices(slices, 0.05, 31)[0].status == "passed"


def test_a_slice_whose_loss_may_be_chance_is_undecided() -> None:
    (gate,) = JUDGE.slices([sliced("class = b", 30, 0.08)], 0.05, 30)
    assert (gate.status, gate.passed, gate.needs_rows) == ("undecided", True, 47)
    (strict,) = STRICT.slices([sliced("class = b", 30, 0.08)], 0.05, 30)
    assert (strict.status, strict.passed) == ("undecided", False)


def test_where_no_slice_has_enough_rows_nothing_is_judged_and_the_value_is_no_zero() -> None:
    (gate,) = JUDGE.slices([sliced("class = a", 20, 0.4), sliced("class = b", 12, 0.4)], 0.05, 30)
    assert (gate.status, gate.value, gate.needs_rows) == ("undecided", None, 120)
    assert gate.reason == "max_slice_drop: not judged: no slice has 30 test rows, the largest has 20"
    assert gate.smallest_change == "trimline set release.min_slice_rows=20"


def test_a_slice_without_a_defined_loss_does_not_pass() -> None:
    for drop in (None, float("inf")):
        (gate,) = JUDGE.slices([sliced("class = a", 50, drop), sliced("class = b", 50, 0.0)], 0.05, 30)
        assert gate.status == "failed" and "undefined in the slice class = a" in str(gate.reason)


@pytest.mark.parametrize(
    ("gate", "change"),
    [
        (JUDGE.exact("max_size_bytes", 61_234, 60_000), "trimline set release.max_size_bytes=61300"),
        (JUDGE.exact("max_latency_us", 12.3, 10.0), "trimline set release.max_latency_us=null"),
        (JUDGE.scores(SCORES, "at_least", {"accuracy": 0.99}), "trimline set release.at_least.accuracy=0.95"),
        (STRICT.scores(SCORES, "at_least", {"accuracy": 0.99}), "trimline set release.at_least.accuracy=0.93"),
        (JUDGE.scores(SCORES, "at_most", {"rmse": 1e25}), "trimline set release.at_most.rmse=3E+25"),
        (Judge("compare", 80, True).drops(SCORES, {"accuracy": 0.0}), "trimline set compare.max_drop.accuracy=0.01"),
    ],
)
def test_the_smallest_change_of_the_settings_that_would_pass_is_told(gate: list[Gate], change: str) -> None:
    assert [one.smallest_change for one in gate] == [change]
    json.loads(change.partition("=")[2])  # `trimline set` reads JSON


def test_measured_numbers_are_not_recorded_since_equal_runs_differ_in_them() -> None:
    (gate,) = JUDGE.exact("max_latency_us", 12.3, 10.0)
    recorded = gate.recorded()
    assert recorded["value"] is None and "12.3" not in json.dumps(recorded)
    assert (recorded["status"], recorded["reason"]) == ("failed", "max_latency_us: more than 10")
    assert failed([gate]) == ["max_latency_us: 12.3 > 10"]


def test_numbers_are_told_with_digits_that_say_something() -> None:
    told = [shown(value) for value in (1.23456e25, 1.23456e-12, 61234.0, 0.95, 0.0)]
    assert told == ["1.235e+25", "1.235e-12", "61,234", "0.95", "0"]


def test_a_device_refuses_operators_and_types_that_it_lacks() -> None:
    device = Device(description="a chip", operators=["CONV_2D"], types=["int8"])
    profile = {"operators": {"all": {"CONV_2D": 2, "SOFTMAX": 1}}, "written_types": ["float32", "int8"]}
    gate = device_gate(profile, device)
    assert not gate.passed and gate.reason == "device: SOFTMAX, tensors of float32 on a chip"
    assert gate.smallest_change == "name a device in release.device that runs SOFTMAX, tensors of float32"
    profile = {"operators": {"all": {"CONV_2D": 2}}, "written_types": ["int8"]}
    assert device_gate(profile, device).passed


@pytest.mark.parametrize("path", sorted((ROOT / "presets/devices").iterdir()), ids=lambda path: path.stem)
def test_every_shipped_device_is_read(path: Any) -> None:
    from ai_edge_litert import schema_py_generated as schema

    device = gates.load(path)
    assert set(device.operators) <= set(vars(schema.BuiltinOperator)) and "CONV_2D" in device.operators


def test_a_device_that_is_not_there_is_told(tmp_path: Any) -> None:
    with pytest.raises(ParamsError, match=r"correct release\.device"):
        gates.load(tmp_path / "toaster.yaml")


def candidate(recipe: str, zip_bytes: int, *statuses: str, allowed: bool = True) -> Candidate:
    made = [
        Gate("max_drop.accuracy", 0.0, 0.0, status == "passed" or (allowed and status == "undecided"), status=status)  # type: ignore[arg-type]
        for status in statuses
    ]
    return Candidate(recipe, 2 * zip_bytes, zip_bytes, made)


def test_a_recipe_that_passes_comes_before_a_smaller_one_that_is_undecided() -> None:
    float32, int8 = candidate("float32", 100, "passed"), candidate("int8", 30, "passed")
    pruned, broken = candidate("pruned", 20, "undecided"), candidate("broken", 10, "failed")
    assert smallest_passing([float32, int8, pruned, broken]) is int8
    int8.gates.extend(JUDGE.slices([], 0.1, 30))  # no slice was judged, of no recipe
    assert smallest_passing([float32, int8, pruned, broken]) is int8
    # float32 loses nothing against itself, which shows nothing of it: with few rows all others are undecided
    assert smallest_passing([float32, pruned, broken]) is pruned
    assert smallest_passing([float32, broken]) is float32
    assert smallest_passing([candidate("pruned", 20, "undecided", allowed=False), broken]) is None
    assert nearest([candidate("int8", 30, "failed", "failed"), candidate("x", 90, "failed")]).recipe == "x"


def network(value: float, interval: list[float] | None) -> dict[str, Any]:
    return {"scores": {"accuracy": {"value": value, "interval": interval}}}


BASELINE = {"primary": "accuracy", "lower_is_better": False, "baselines": {
    "majority_class": {"accuracy": 0.3}, "words": {"accuracy": 0.9}, "undefined": {"accuracy": None}}}  # fmt: skip


@pytest.mark.parametrize(
    ("interval", "beaten", "status"),
    [([0.91, 0.97], True, "passed"), ([0.88, 0.97], None, "undecided"), ([0.80, 0.89], False, "failed"),
     (None, None, "failed")],
)  # fmt: skip
def test_a_network_beats_the_strongest_simple_method_by_its_whole_interval_or_it_is_not_known(
    interval: list[float] | None, beaten: bool | None, status: str
) -> None:
    value = 0.94 if interval is None else sum(interval) / 2
    found = compared_with_baselines(network(value, interval), BASELINE)
    assert found.recorded() == {
        "metric": "accuracy", "strongest": "words", "value": 0.9, "interval": interval, "network": value,
        "beaten": beaten,
    }  # fmt: skip
    (gate,) = found.gates(JUDGE)
    assert (gate.name, gate.status) == ("worse_than_baseline", status)
    if status == "failed":
        assert gate.smallest_change == "trimline set 'release.worse_than_baseline=\"allow\"'"


def test_of_losses_the_smallest_is_the_strongest() -> None:
    errors = {"mean": {"rmse": 9.0}, "boosting": {"rmse": 5.0}}
    document = {"primary": "rmse", "lower_is_better": True, "baselines": errors}
    measured = {"scores": {"rmse": {"value": 4.0, "interval": [3.5, 4.5]}}}
    found = compared_with_baselines(measured, document)
    assert (found.strongest, found.beaten) == ("boosting", True)
    assert found.gates(JUDGE)[0].status == "passed"
    measured["scores"]["rmse"] |= {"value": 6.0, "interval": [5.5, 6.5]}
    assert compared_with_baselines(measured, document).beaten is False


def test_a_candidate_is_accepted_by_the_digest_of_its_file_alone(tmp_path: Path) -> None:
    (tmp_path / "tflite").mkdir()
    (tmp_path / "tflite/int8.tflite").write_bytes(b"a model")
    broken = candidate("int8", 10, "failed")
    right = "f3b67b7d65f9a5c1ff8bf5ba2a4a1d66c0e1b7ab9a2e0f0c1a0f6ee8d4a1b0c3"
    taken, why = accepted([broken], Accept(recipe="int8", reason="a test", sha256=right), tmp_path)
    assert taken is None and "release.accept does not hold: it accepts int8 of SHA-256 f3b67b7d65f9" in str(why)
    right = hashlib.sha256(b"a model").hexdigest()
    assert accepted([broken], Accept(recipe="int8", reason="a test", sha256=right), tmp_path) == (broken, None)
    assert accepted([broken], None, tmp_path) == (None, None)
    taken, why = accepted([broken], Accept(recipe="gone", reason="a test", sha256=right), tmp_path)
    assert taken is None and "here is no file" in str(why)


def test_only_losses_against_float32_are_bounded_by_default() -> None:
    """A bound on anything else would be that of somebody else's data or device."""
    defaults = Release()
    assert {defaults.max_size_bytes, defaults.max_latency_us, defaults.max_memory_bytes, defaults.min_agreement} == {
        None
    }
    assert (defaults.at_least, defaults.at_most, defaults.undecided) == ({}, {}, "allow")
