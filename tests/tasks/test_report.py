"""The pages say what the stages measured, in one file each, whatever the names in them are."""

import base64
import copy
import hashlib
import html
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.core.files import read_json
from tasks.data import columns
from tasks.models.checkpoint import read_history, write_history
from tasks.reporting.bom import bill_of_materials
from tasks.reporting.findings import MAX_LAYERS, Curved, Findings, Layers, layers_of
from tasks.reporting.model_card import model_card
from tasks.reporting.results import results
from tasks.reporting.sections import report_page
from tasks.reporting.sections.champion import champion_page
from tasks.reporting.words import difference, large, metric, number, percent, score
from tests.tasks import line
from tests.tasks.reports import Reader, findings

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)></td> | `seven` " + "long " * 80
RELEASE = "pruned_qat_int8"


@pytest.fixture(scope="module")
def found(tiny_line: Path) -> Findings:
    return findings(tiny_line)


@pytest.fixture(scope="module")
def page(tiny_line: Path) -> str:
    return (tiny_line / "reports/report.html").read_text(encoding="utf-8")


def shown(value: float | None, unit: float, digits: int) -> str:
    return "undefined" if value is None else f"{round(unit * value, digits) + 0.0:.{digits}f}"


def test_every_metric_in_the_page_and_the_card_is_that_of_the_files(tiny_line: Path, page: str) -> None:
    own, float32 = (read_json(tiny_line / f"reports/evaluate/{name}/metrics.json") for name in (RELEASE, "float32"))
    rows = Reader(page).rows("Every metric, with its interval")
    card = (tiny_line / "reports/model_card.md").read_text()
    assert len(rows) == len(own["scores"])
    for name, measured in own["scores"].items():
        unit, digits, sign = (100, 2, "%") if metric(name).is_share else (1, 4, "")
        expected = []
        for value, bounds, suffix in (
            (measured["value"], measured["interval"], sign),
            (float32["scores"][name]["value"], float32["scores"][name]["interval"], sign),
            (measured["drop"], measured["drop_interval"], ""),
        ):
            written = ", ".join(shown(bound, unit, digits) for bound in bounds)
            expected.append(f"{shown(value, unit, digits)}{suffix}\n[{written}]")
        assert rows[metric(name).title] == expected
        for cell in expected:
            assert cell.replace("\n", " ") in card


def test_every_gate_is_shown_with_its_bound_and_what_was_measured_here(tiny_line: Path, page: str) -> None:
    manifest, profile = (
        read_json(tiny_line / "release/manifest.json"),
        read_json(tiny_line / f"reports/profile/{RELEASE}.json"),
    )
    rows = Reader(page).rows("Every gate of the release, with what was measured")
    assert len(rows) == len(manifest["gates"])
    assert all(cells[0].startswith("✓ pass") for cells in rows.values())
    assert rows["Median latency"][1] == f"{profile['latency_us']['median']:.1f} µs"
    assert rows["Size on the device"][1:] == [
        f"{manifest['metrics']['size_bytes']:,} bytes", "", "≤ 1,000,000 bytes"
    ]  # fmt: skip
    card = (tiny_line / "reports/model_card.md").read_text()
    assert f"{profile['latency_us']['median']:.1f} µs" in card


def test_slices_stand_worst_first_with_what_compression_costs(tiny_line: Path, page: str) -> None:
    slices = read_json(tiny_line / f"reports/evaluate/{RELEASE}/metrics.json")["slices"]
    rows = Reader(page).rows("Slices of the test rows, worst first")
    assert list(rows) == [one["slice"] for one in slices]
    for one in slices:
        rows_, accuracy, of_float, lost = rows[one["slice"]]
        assert (rows_, of_float) == (f"{one['rows']:,}", f"{100 * (one['accuracy'] + one['drop']):.2f}%")
        assert accuracy.startswith(f"{100 * one['accuracy']:.2f}%\n[")
        assert lost.startswith(f"{shown(one['drop'], 100, 2)}\n[")


def test_the_page_fetches_nothing_and_runs_only_its_own_scripts(page: str) -> None:
    assert len(page.encode()) < 6_000_000
    reader = Reader(page)
    for tag, attributes in reader.elements:
        assert not {"src", "srcset", "action", "data", "poster"} & set(attributes), (tag, attributes)
        assert attributes.get("href", "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
        assert tag not in {"link", "iframe", "object", "embed", "base"}
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style and "url(" not in style[1] and "@import" not in style[1]
    (policy,) = [tag[1]["content"] for tag in reader.elements if tag[1].get("http-equiv")]
    assert policy.startswith("default-src 'none';") and "http" not in policy
    for kind, text in reader.scripts:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert kind == "application/json" or f"'sha256-{digest}'" in policy


def test_equal_files_give_equal_pages(tiny_line: Path, found: Findings, page: str, tmp_path: Path) -> None:
    again = findings(Path(shutil.copytree(tiny_line, tmp_path / "elsewhere")))
    assert report_page(again) == report_page(found) == page
    assert model_card(again) == (tiny_line / "reports/model_card.md").read_text()


def test_a_page_has_every_section_and_a_place_for_each_in_its_navigation(page: str) -> None:
    reader = Reader(page)
    targets = [attributes["href"][1:] for tag, attributes in reader.elements if tag == "a"]
    sections = [attributes["id"] for tag, attributes in reader.elements if tag == "section"]
    assert targets == ["content", *sections]
    assert len(sections) == len(reader.headings) - 1
    assert [tag for tag, attributes in reader.elements if tag == "th" and "scope" not in attributes] == []


def renamed(value: Any, names: dict[str, str]) -> Any:
    """Nested JSON with class names replaced, in keys and values."""
    if isinstance(value, dict):
        return {names.get(key, key): renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    if isinstance(value, str) and value.removeprefix("class = ") in names:
        return value.replace(value.removeprefix("class = "), names[value.removeprefix("class = ")])
    return value


def with_an_evil_class(found: Findings) -> Findings:
    names = {"7": EVIL}
    curves = {
        recipe: Curved(renamed(one.roc, names), renamed(one.precision_recall, names), one.reliability)
        for recipe, one in found.curves.items()
    }
    datasets = copy.deepcopy(found.datasets)
    datasets["target"]["classes"] = renamed(datasets["target"]["classes"], names)
    datasets["target"]["quarantined"] = {EVIL: 1}
    metrics = {recipe: measured | {
        "per_class": renamed(measured["per_class"], names), "slices": renamed(measured["slices"], names),
        "undefined": {f"f1 of {EVIL}": "never predicted"},
    } for recipe, measured in found.metrics.items()}  # fmt: skip
    owner = found.owner.model_copy(update=dict.fromkeys(("name", "intended_use", "limits", "licence"), EVIL))
    parameters = found.parameters | {"report": owner.model_dump()}
    return replace(found, owner=owner, parameters=parameters, curves=curves, datasets=datasets, metrics=metrics)


def test_names_are_shown_and_never_taken_for_markup(found: Findings, page: str) -> None:
    evil = with_an_evil_class(found)
    plain, written = Reader(page), Reader(report_page(evil))
    kinds = ("script", "img", "section", "th", "svg", "iframe")
    counts = [[[tag for tag, _ in reader.elements].count(kind) for kind in kinds] for reader in (plain, written)]
    assert counts[0][:3] == counts[1][:3] and counts[1][1] == 0
    assert written.headings[0].startswith("<script>alert(1)</script>")
    assert f"class = {EVIL}" in written.rows("Slices of the test rows, worst first")
    for chart in written.charts():
        assert "<script>" not in json.dumps(chart)
    card = model_card(evil)
    assert "<script" not in card and "<img" not in card and "&lt;script>" in card
    assert all(line_.count("|") - line_.count("\\|") in {0, 4, 5, 6, 7, 8, 14} for line_ in card.splitlines())


def test_what_is_undefined_is_called_so_with_the_reason(found: Findings) -> None:
    metrics = copy.deepcopy(found.metrics)
    measured = metrics[found.recipe]
    measured["scores"]["top_3_accuracy"] = dict.fromkeys(("value", "interval", "drop", "drop_interval"))
    measured["per_class"]["3"]["precision"] = measured["per_class"]["3"]["f1"] = None
    measured["undefined"] = {
        "top_3_accuracy": "there are only 3 classes", "precision of 3": "never predicted", "f1 of 3": "never predicted"
    }  # fmt: skip
    changed = replace(found, metrics=metrics)
    reader = Reader(report_page(changed))
    top = reader.rows("Every metric, with its interval")["Top-3 accuracy"]
    assert (top[0], top[2]) == ("undefined\nthere are only 3 classes", "undefined")
    cells = reader.rows(f"Each class, as {found.recipe} answers")["3"]
    assert cells[0] == cells[2] == "undefined\nnever predicted"
    assert reader.rows("Undefined on these rows, and left out of every mean") == {
        "top_3_accuracy": ["there are only 3 classes"], "precision of 3": ["never predicted"],
        "f1 of 3": ["never predicted"],
    }  # fmt: skip
    assert "precision of 3: never predicted" in model_card(changed)


def test_a_released_float_file_has_its_page_too(tiny_line: Path, found: Findings) -> None:
    data = columns.load(tiny_line / "data/ready/target")
    layers = layers_of(tiny_line / "models/tflite/float32.tflite", data, found.macs)
    assert layers.left_out == "the file has no int8 layers."
    changed = replace(found, verdict=found.verdict | {"described": "float32"}, layers=layers)
    page = report_page(changed)
    assert "Not measured: the file has no int8 layers." in page
    assert Reader(page).headings[0].endswith("float32 is released")


def refused(found: Findings) -> Findings:
    """The same line where every recipe fails two gates, the described one included."""
    failing: dict[str, dict[str, Any]] = {
        "at_least.accuracy": {"value": 0.9, "bound": 0.999, "interval": [0.85, 0.95],
                              "reason": "at_least.accuracy: down to 0.85 < 0.999"},
        "max_latency_us": {"value": None, "bound": 0.5, "interval": None, "reason": "max_latency_us: more than 0.5"},
    }  # fmt: skip
    gates = [{"name": name, "passed": False, **gate} for name, gate in failing.items()]
    candidates = [
        one | {"gates": [*(gate for gate in one["gates"] if gate["name"] not in failing), *gates]}
        for one in found.verdict["candidates"]
    ]
    own = next(one["gates"] for one in candidates if one["recipe"] == found.recipe)
    changes = {"released": False, "chosen": None, "gates": own, "candidates": candidates}
    return replace(found, verdict=found.verdict | changes)


def test_without_a_release_the_page_says_why_with_every_candidate_bound_value_and_interval(found: Findings) -> None:
    nothing = refused(found)
    page = report_page(nothing)
    reader = Reader(page)
    assert reader.headings[0] == (
        f"Not released, because {RELEASE}, the nearest of 3 recipes, fails 2 gates: Accuracy ≥ 99.90%; "
        "Median latency ≤ 0.5 µs"
    )
    for recipe in line.RECIPES:
        rows = reader.rows(f"Gates of {recipe}: it fails 2 of 7")
        assert rows["Accuracy"] == [
            "✗ fail\nat_least.accuracy: down to 0.85 < 0.999", "90.00%", "[85.00, 95.00]", "≥ 99.90%"
        ]  # fmt: skip
        median = found.profiles[recipe]["latency_us"]["median"]
        assert rows["Median latency"][1:] == [f"{median:.1f} µs", "", "≤ 0.5 µs"]
        assert rows["Size on the device"][0] == "✓ pass"
    assert "The nearest candidate against float32" in page
    text = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "is released" not in text and "released file" not in text.lower()


def test_without_a_release_card_bill_and_table_say_so(found: Findings) -> None:
    nothing = refused(found)
    card, table = model_card(nothing), results(nothing)
    assert card.splitlines()[2].startswith(f"**Not released, because {RELEASE}") and "may not ship" in card
    assert table.startswith("**Not released, because ") and "| released" not in table
    assert table.count("fails ") == 1 + len(line.RECIPES)
    model = bill_of_materials(nothing)["metadata"]["component"]
    assert model["description"].startswith("Not released, because ")
    assert {"name": "trimline:released", "value": "false"} in model["properties"]
    assert model["hashes"][0]["content"] == found.files["model.tflite"]


def test_the_layers_of_a_small_file_are_measured_and_too_many_are_left_out(found: Findings, page: str) -> None:
    assert [layer.name for layer in found.layers.found] == [
        "1 conv 3x3, 1 to 8",
        "2 conv 3x3, 8 to 16",
        "3 dense, 256 to 10",
    ]
    rows = Reader(page).rows(f"Bytes of the zip saved / answers that change, of {found.layers.rows:,} test rows")
    for layer in found.layers.found:
        cells = [
            f"{saved:,} / {percent(changed)}" for saved, changed in zip(layer.saved_bytes, layer.changed, strict=True)
        ]
        assert rows[layer.name][1:-1] == cells
    reason = f"{MAX_LAYERS + 1} layers; more than {MAX_LAYERS} would take minutes."
    assert f"Not measured: {reason}" in report_page(replace(found, layers=Layers(left_out=reason)))


@pytest.mark.parametrize("passed", [True, False])
def test_what_changed_since_the_champion_stands_behind_the_verdict(found: Findings, passed: bool) -> None:
    gate = {
        "name": "max_drop.accuracy", "value": 0.01, "bound": 0.015, "passed": passed, "interval": [-0.01, 0.03],
        "reason": None if passed else "max_drop.accuracy: up to 0.03 > 0.015",
    }  # fmt: skip
    comparison = {
        "champion": {"name": "digits", "version": "v3"}, "gates": [gate], "primary": "accuracy",
        "scores": found.measured["scores"],
        "slices": found.measured["slices"], "recipe": {"champion": "int8", "candidate": found.recipe},
    }  # fmt: skip
    reader = Reader(report_page(found, comparison))
    place = [title for title in reader.headings if "replace the champion" in title]
    assert place == [f"The candidate may{'' if passed else ' not'} replace the champion"]
    assert reader.headings.index(place[0]) == 2
    (row,) = reader.tables["Gates against the champion"][1:]
    assert row[2:] == ["1.00 points", "[-1.00, 3.00]", "≤ 1.50 points"]
    assert row[1] == ("✓ pass" if passed else f"✗ fail\n{gate['reason']}")
    losing = [(one["drop"], one["slice"]) for one in found.measured["slices"]]
    first = next(iter(reader.rows("Slices, the largest loss first")))
    assert first == min(name for drop, name in losing if drop == max(losing)[0])
    assert "champion" not in "".join(Reader(report_page(found)).headings)


def test_the_page_of_a_comparison_shows_names_and_takes_none_for_markup(found: Findings) -> None:
    slices = [found.measured["slices"][0] | {"slice": f"class = {EVIL}"}]
    page = champion_page({
        "champion": {"name": EVIL, "version": EVIL}, "candidate": {"sha256": "0" * 64}, "rows": 90, "gates": [],
        "primary": "accuracy", "scores": {}, "slices": slices,
        "recipe": {"champion": "int8", "candidate": found.recipe},
    })  # fmt: skip
    reader = Reader(page)
    assert {tag for tag, _ in reader.elements}.isdisjoint({"script", "img", "iframe"})
    assert list(reader.rows("Slices, the largest loss first")) == [f"class = {EVIL}"]
    assert "script-src 'none'" in html.unescape(page) and "&lt;script&gt;alert(1)" in page


def test_cross_validation_is_told_with_what_a_reader_has_to_know(found: Findings) -> None:
    document = found.cross_validation | {
        "as_it_is": True, "group": "writer", "rows_in_base": 12,
        "undefined": {"fold 1": {"f1 of 3": "never predicted"}},
    }  # fmt: skip
    page = report_page(replace(found, cross_validation=document))
    reader = Reader(page)
    assert "was used unchanged" in page and "Rows with the same writer" in page and "12 of the 300 rows" in page
    spread = f"{100 * document['std']['accuracy']:.2f}"
    assert reader.rows("Over 2 folds of all 300 rows")["Accuracy"] == [percent(document["mean"]["accuracy"]), spread]
    assert [row[3] for row in reader.tables["Every fold"][1:]] == [
        percent(fold["accuracy"]) for fold in document["folds"]
    ]
    assert reader.tables["Undefined in a fold"][1] == ["fold 1", "f1 of 3", "never predicted"]


def test_the_result_table_keeps_its_form(tiny_line: Path) -> None:
    table = (tiny_line / "reports/results.md").read_text().splitlines()
    assert [cell.strip() for cell in table[0].split("|")[1:5]] == [
        "recipe",
        "verdict",
        "Accuracy [interval]",
        "F1, mean",
    ]
    assert [row.split("|")[1].strip() for row in table[2:5]] == list(line.RECIPES)


def test_numbers_are_written_for_people() -> None:
    assert number(-0.0004, 2) == "0.00" and number(12345.678, 1) == "12,345.7"
    assert (percent(0.98921), score("log_loss", 0.03244), score("f1_macro", None)) == ("98.92%", "0.0324", "undefined")
    assert difference("accuracy", -0.00181) == "-0.18" and difference("roc_auc_macro", 0.00012) == "0.0001"
    assert [large(value) for value in (0, 999, 12_345, 3.4956e11)] == ["0", "999", "12.3 thousand", "350 billion"]
    assert metric("top_5_accuracy").title == "Top-5 accuracy" and metric("some_thing").title == "some thing"


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    row = {"run": "train", "epoch": 0, "loss": 0.1, "accuracy": 0.5, "val_loss": 0.25, "val_accuracy": 1.0}
    write_history(tmp_path / "history.csv", [row])
    assert read_history(tmp_path / "history.csv") == [{"step": 0.0, **row}]
