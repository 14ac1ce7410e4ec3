"""Gates: the end of the interval that is worse has to keep the bound, and what is undefined never passes."""

from typing import Any

import pytest

from tasks.core.errors import DataError, ParamsError
from tasks.core.params import gates
from tasks.core.params.gates import Device
from tasks.metrics.gates import at_least, at_most, device_gate, drop_gates, failed, score_gates, slice_gate
from tests.graph_rules import ROOT

SCORES = {
    "accuracy": {"value": 0.95, "interval": [0.93, 0.97], "drop": 0.01, "drop_interval": [-0.01, 0.03]},
    "log_loss": {"value": 0.2, "interval": [0.1, 0.3], "drop": 0.0, "drop_interval": [0.0, 0.0]},
    "roc_auc_macro": {"value": None, "interval": None, "drop": None, "drop_interval": None},
}


def sliced(name: str, rows: int, drop: float) -> dict[str, Any]:
    return {"slice": name, "rows": rows, "accuracy": 0.5, "drop": drop, "drop_interval": [drop - 0.1, drop + 0.1]}


@pytest.mark.parametrize(("bound", "passed"), [(0.92, True), (0.93, True), (0.94, False), (0.95, False)])
def test_a_metric_is_held_by_the_lower_end_of_its_interval(bound: float, passed: bool) -> None:
    (gate,) = score_gates(SCORES, {"accuracy": bound}, {})
    assert (gate.passed, gate.name, gate.value, gate.interval) == (passed, "at_least.accuracy", 0.95, [0.93, 0.97])
    assert failed([gate]) == ([] if passed else [f"at_least.accuracy: down to 0.93 < {bound:g}"])


@pytest.mark.parametrize(("bound", "passed"), [(0.3, True), (0.29, False)])
def test_a_loss_is_held_by_the_upper_end_of_its_interval(bound: float, passed: bool) -> None:
    (gate,) = score_gates(SCORES, {}, {"log_loss": bound})
    assert gate.passed is passed


@pytest.mark.parametrize(("bound", "passed"), [(0.03, True), (0.029, False)])
def test_a_drop_is_held_by_the_upper_end_of_its_paired_interval(bound: float, passed: bool) -> None:
    (gate,) = drop_gates(SCORES, {"accuracy": bound})
    assert gate.passed is passed and gate.value == 0.01


def test_what_is_undefined_does_not_pass() -> None:
    gates = [*score_gates(SCORES, {"roc_auc_macro": 0.1}, {}), *drop_gates(SCORES, {"roc_auc_macro": 1.0})]
    assert [gate.passed for gate in gates] == [False, False]
    assert failed(gates)[0] == "at_least.roc_auc_macro: undefined on these rows"


def test_a_metric_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(DataError, match=r"gates on acuracy(.|\n)*accuracy, log_loss"):
        score_gates(SCORES, {"acuracy": 0.9}, {})


def test_no_bound_is_no_gate() -> None:
    assert at_most("max_memory_bytes", 5, None) == at_least("min_agreement", 0.5, None) == []


def test_the_slice_that_loses_most_decides_and_small_slices_do_not() -> None:
    slices = [sliced("class = a", 5, 0.4), sliced("class = b", 30, 0.08), sliced("class = c", 100, 0.02)]
    (gate,) = slice_gate(slices, max_slice_drop=0.05, min_slice_rows=30)
    assert not gate.passed and failed([gate]) == ["max_slice_drop: 0.08 > 0.05, in the slice class = b of 30 rows"]
    assert slice_gate(slices, 0.05, 31)[0].passed
    assert slice_gate(slices, 0.05, 1000)[0].passed


def test_measured_numbers_are_not_recorded_since_equal_runs_differ_in_them() -> None:
    (gate,) = at_most("max_latency_us", 12.3, 10.0)
    assert gate.recorded() == {
        "name": "max_latency_us", "value": None, "bound": 10.0, "passed": False, "interval": None,
        "reason": "max_latency_us: more than 10",
    }  # fmt: skip
    assert failed([gate]) == ["max_latency_us: 12.3 > 10"]


def test_a_device_refuses_operators_and_types_that_it_lacks() -> None:
    device = Device(description="a chip", operators=["CONV_2D"], types=["int8"])
    profile = {"operators": {"all": {"CONV_2D": 2, "SOFTMAX": 1}}, "written_types": ["float32", "int8"]}
    gate = device_gate(profile, device)
    assert not gate.passed and gate.reason == "device: SOFTMAX, tensors of float32 on a chip"
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
