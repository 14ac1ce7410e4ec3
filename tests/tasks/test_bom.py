"""The bill of materials is valid, complete and the same for equal runs; the training cost is that of the operators."""

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tasks.core.files import read_json, sha256
from tasks.reporting.bom import bill_of_materials
from tasks.reporting.findings import costs
from tasks.tflite.measure import macs
from tests.tasks import tiny_files
from tests.tasks.reports import findings

RELEASE = "pruned_qat_int8"


def test_the_bill_is_valid_by_the_schema_of_cyclonedx(tiny_line: Path) -> None:
    text = (tiny_line / "release/model.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_bill_of_an_undefined_metric_and_a_strange_name_is_valid_too(tiny_line: Path) -> None:
    found = findings(tiny_line)
    found.measured["scores"]["f1_macro"] = dict.fromkeys(("value", "interval", "drop", "drop_interval"))
    found.measured["scores"]["accuracy"]["interval"] = None
    found.measured["slices"][0]["slice"] = "class = <b>" + "x" * 500
    text = json.dumps(bill_of_materials(found))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert "f1_macro" not in text


def test_the_bill_has_the_digests_versions_and_metrics_of_the_release(tiny_line: Path) -> None:
    bill, manifest = read_json(tiny_line / "release/model.cdx.json"), read_json(tiny_line / "release/manifest.json")
    model = bill["metadata"]["component"]
    assert model["type"] == "machine-learning-model"
    assert model["hashes"] == [{"alg": "SHA-256", "content": sha256(tiny_line / "release/model.tflite")}]
    by_name = {part["name"]: part for part in bill["components"]}
    assert by_name["tensorflow"]["version"] == manifest["environment"]["tensorflow"]
    for role in ("base", "target"):
        digest = sha256(tiny_line / f"data/ready/{role}/dataset.json")
        assert by_name[role]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    measured = read_json(tiny_line / f"reports/evaluate/{RELEASE}/metrics.json")
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    shown = {(one["type"], one.get("slice")): one for one in metrics}
    for name, score in measured["scores"].items():
        own = shown[name, None]
        bounds = own["confidenceInterval"]
        assert float(own["value"]) == score["value"]
        assert [float(bounds["lowerBound"]), float(bounds["upperBound"])] == score["interval"]
        assert float(shown[f"{name}_drop", None]["value"]) == score["drop"]
    for one in measured["slices"]:
        assert float(shown["accuracy", one["slice"]]["value"]) == one["accuracy"]
    refs = {part["bom-ref"] for part in bill["components"]} | {model["bom-ref"]}
    assert {entry["ref"] for entry in bill["dependencies"]} == refs


def test_the_bill_tells_nothing_that_differs_between_equal_runs(tiny_line: Path) -> None:
    bill, found = read_json(tiny_line / "release/model.cdx.json"), findings(tiny_line)
    for profile in found.profiles.values():
        profile["latency_us"] = {"median": 1e9, "p95": 1e9, "mad": 1e9}
    assert bill_of_materials(found) == bill
    assert "timestamp" not in json.dumps(bill)
    found.files["model.tflite"] = "0" * 64
    assert bill_of_materials(found)["serialNumber"] != bill["serialNumber"]


def test_macs_are_those_counted_by_hand(tiny_line: Path) -> None:
    convolutions = 8 * 8 * 8 * (3 * 3 * 1) + 4 * 4 * 16 * (3 * 3 * 8)  # stride 2 each, of 16x16x1
    assert macs((tiny_line / "models/tflite/float32.tflite").read_bytes()) == convolutions + 4 * 4 * 16 * 10
    assert macs((tiny_line / "models/tflite/int8.tflite").read_bytes()) == convolutions + 4 * 4 * 16 * 10


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_macs_of_a_depthwise_convolution_are_counted_by_channel(precision: str) -> None:
    convolution, depthwise, dense = 8 * 8 * 8 * (3 * 3 * 1), 4 * 4 * 8 * (3 * 3), 4 * 4 * 8 * 10
    assert macs(tiny_files.convert(precision)) == convolution + depthwise + dense


def test_the_training_cost_is_that_of_the_epochs_done(tiny_line: Path) -> None:
    found = findings(tiny_line)
    rows = {
        role: sum(shard["rows"] for shard in dataset["splits"]["train"]) for role, dataset in found.datasets.items()
    }
    expected = {
        "train": (8, rows["base"]), "head": (2, rows["target"]), "all_layers": (6, rows["target"]),
        f"{RELEASE}-prune": (4, rows["target"]), f"{RELEASE}-quantize_aware": (2, rows["target"]),
    }  # fmt: skip
    assert {one.run: (one.epochs, one.rows) for one in found.costs} == expected
    for one in found.costs:
        assert one.flops == 2 * 25_600 * 3 * one.epochs * one.rows
    assert "from_scratch" in {row["run"] for row in found.histories["fine_tune"]}


def test_a_teacher_costs_a_forward_pass_more() -> None:
    histories = {"train": [{"run": "train"}], "compress": [{"run": "small-prune"}] * 3}
    plain, taught = costs(10, histories, {"train": 5, "compress": 7}, ["small-prune"])
    assert (plain.passes, plain.examples, plain.flops) == (3, 5, 2 * 10 * 3 * 5)
    assert (taught.passes, taught.examples, taught.flops) == (4, 21, 2 * 10 * 4 * 21)
