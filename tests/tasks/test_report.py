"""The pages say what the stages measured, in one file each, whatever the names in them are."""

import base64
import copy
import hashlib
import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.files import read_json
from tasks.data import columns
from tasks.data.records import SPLITS
from tasks.models.checkpoint import read_history, write_history
from tasks.reporting.bom import bill_of_materials
from tasks.reporting.examples import quarantined
from tasks.reporting.findings import Curved, Findings, rows_of
from tasks.reporting.layers import MAX_LAYERS, Layers, layers_of
from tasks.reporting.model_card import model_card
from tasks.reporting.results import results
from tasks.reporting.sections import report_page
from tasks.reporting.sections.champion import champion_page
from tasks.reporting.version import commit, version_of
from tasks.reporting.words import difference, harmless, large, metric, number, percent, score
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
    told = {"passed": "✓ pass", "undecided": "? undecided"}
    assert [cells[0].split("\n")[0] for cells in rows.values()] == [told[gate["status"]] for gate in manifest["gates"]]
    assert rows["Median latency"][1] == f"{profile['latency_us']['median']:.1f} µs"
    assert rows["Size on the device"][1:] == [
        f"{manifest['metrics']['size_bytes']:,} bytes", "", "≤ 1,000,000 bytes"
    ]  # fmt: skip
    drop = next(gate for gate in manifest["gates"] if gate["name"] == "max_drop.accuracy")
    assert rows["Accuracy, lost against float32"][2].endswith(f"]\n{drop['rows']:,} rows")
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
        if tag == "img":
            assert re.fullmatch("data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+", attributes.pop("src"))
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
    then = replace(again, version=found.version)
    assert report_page(then) == report_page(found)
    assert model_card(then) == model_card(found)
    made = re.compile(r"\d+ \w+ \d{4}, \d\d:\d\d UTC")
    assert made.sub("", report_page(found)) == made.sub("", page)  # the time alone differs
    assert made.search(page) and made.search((tiny_line / "reports/model_card.md").read_text())


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
    assert counts[0][:3] == counts[1][:3]
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


CHANGE = "trimline set 'release.at_least.accuracy=0.9'"


def refused(found: Findings) -> Findings:
    """The same line where every recipe fails two gates, the described one included."""
    failing: dict[str, dict[str, Any]] = {
        "at_least.accuracy": {"value": 0.9, "bound": 0.999, "interval": [0.85, 0.95], "rows": 90,
                              "reason": "at_least.accuracy: 0.9 < 0.999", "smallest_change": CHANGE},
        "max_latency_us": {"value": None, "bound": 0.5, "interval": None, "rows": None,
                           "reason": "max_latency_us: more than 0.5", "smallest_change": None},
    }  # fmt: skip
    fixed = {"passed": False, "status": "failed", "needs_rows": None}
    gates = [{"name": name, **fixed, **gate} for name, gate in failing.items()]
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
    nearest_first = sorted(line.RECIPES, key=lambda recipe: recipe != RELEASE)
    for recipe in line.RECIPES:
        (rows,) = (
            reader.rows(name) for name in reader.tables if name.startswith(f"Gates of {recipe}: it fails 2 of 7")
        )
        assert rows["Accuracy"] == [
            "✗ fail\nat_least.accuracy: 0.9 < 0.999", "90.00%", "[85.00, 95.00]\n90 rows", "≥ 99.90%"
        ]  # fmt: skip
        median = found.profiles[recipe]["latency_us"]["median"]
        assert rows["Median latency"][1:] == [f"{median:.1f} µs", "", "≤ 0.5 µs"]
        assert rows["Size on the device"][0] == "✓ pass"
    in_the_way = reader.tables["What stands in the way, and the smallest change that would pass"][1:]
    assert [row[0] for row in in_the_way] == [one for recipe in nearest_first for one in (recipe, recipe)]
    assert in_the_way[0][1:] == [
        "Accuracy\nat_least.accuracy", "90.00%\n[85.00, 95.00]", "≥ 99.90%\n90 rows", CHANGE
    ]  # fmt: skip
    assert "The nearest candidate against float32" in page
    text = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "is released" not in text and "released file" not in text.lower()


def test_without_a_release_card_bill_and_table_say_so(found: Findings) -> None:
    nothing = refused(found)
    card, table = model_card(nothing), results(nothing)
    assert card.splitlines()[2].startswith(f"**Not released, because {RELEASE}") and "may not ship" in card
    assert table.startswith("**Not released, because ") and "| released" not in table
    assert table.count("| fails 2 gates") == len(line.RECIPES)
    assert table.count(f"at_least.accuracy: 0.9 < 0.999; {CHANGE}") == len(line.RECIPES)
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
        "reason": None if passed else "max_drop.accuracy: 0.01 > 0.005", "rows": 90, "needs_rows": 400,
        "status": "passed" if passed else "failed", "smallest_change": None,
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
    assert row[2:] == ["1.00 points", "[-1.00, 3.00]\n90 rows, needs about 400", "≤ 1.50 points"]
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
    first = next(number for number, row in enumerate(table) if row.startswith("| recipe"))
    assert [cell.strip() for cell in table[first].split("|")[1:-1]] == [
        "recipe", "verdict", "Accuracy [interval]", "zip bytes", "median us"
    ]  # fmt: skip
    assert [row.split("|")[1].strip() for row in table[first + 2 : first + 5]] == list(line.RECIPES)
    assert max(map(len, table[first : first + 5])) <= 100


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


def taken_at_risk(found: Findings, reason: str) -> Findings:
    accepted = {"recipe": RELEASE, "reason": reason, "sha256": found.files["model.tflite"]}
    verdict = refused(found).verdict | {"released": True, "chosen": RELEASE, "accepted": accepted}
    return replace(found, verdict=verdict)


def test_what_was_taken_at_ones_own_risk_says_so_with_its_reason_everywhere(found: Findings) -> None:
    taken = taken_at_risk(found, f"The pilot is on Friday {EVIL[:25]}.")
    reader = Reader(page := report_page(taken))
    assert reader.headings[0] == f"digits: {RELEASE} is released at its owner's risk"
    assert "The released file was accepted at its owner's risk" in reader.headings
    assert page.count("The pilot is on Friday") >= 2 and found.files["model.tflite"] in page
    told = f"{RELEASE} was accepted at its owner's risk. Failed gates: Accuracy ≥ 99.90%; Median latency ≤ 0.5 µs"
    for text in (model_card(taken), results(taken), bill_of_materials(taken)["metadata"]["component"]["description"]):
        assert told in text and "Reason: The pilot is on Friday" in text
    assert "| accepted at own risk" in results(taken)


@pytest.mark.parametrize(
    ("simple", "beaten", "first", "headline"),
    [
        (0.5, True, "{} is better than the strongest simple method: Accuracy", "digits: {} is released"),
        (0.99, False, "Gradient boosting is better: Accuracy 99.00% against",
         "digits: {} is released, but gradient boosting is better"),
        (0.6, None, "No better than the strongest simple method, as far as these rows can tell: Accuracy",
         "digits: {} is released"),
        (None, None, "No simple method was measured on these rows.", "digits: {} is released"),
    ],
)  # fmt: skip
def test_the_strongest_simple_method_stands_in_the_first_sentence(
    found: Findings, simple: float | None, beaten: bool | None, first: str, headline: str
) -> None:
    compared = found.verdict["baselines"] | {
        "strongest": "gradient_boosting" if simple else None, "value": simple, "beaten": beaten, "network": 0.7,
    }  # fmt: skip
    told = replace(found, verdict=found.verdict | {"baselines": compared})
    page = report_page(told)
    assert f'<p class="lead"><strong>{first.format(RELEASE)}' in page
    assert Reader(page).headings[0] == headline.format(RELEASE)
    assert first.format(RELEASE) in results(told) and first.format(RELEASE) in model_card(told)


def test_the_page_shows_the_errors_that_the_file_is_most_sure_of(tiny_line: Path, found: Findings, page: str) -> None:
    with np.load(tiny_line / f"reports/evaluate/{RELEASE}/predictions.npz") as seen:
        outputs, truth, rows = seen["outputs"], seen["label"], seen["row"]
    wrong = np.flatnonzero(outputs.argmax(axis=1) != truth)
    worst = wrong[np.argsort(-outputs[wrong].max(axis=1), kind="stable")][:12]
    assert [one.look.row for one in found.shown.errors] == rows[worst].tolist()
    first = found.shown.errors[0]
    assert f"answer {first.answer}</b><small>is {first.truth}; {first.detail}; row {first.look.row:,}" in page
    assert first.look.picture.startswith("data:image/png;base64,") and first.look.picture in page
    counts = {name: sum(of) for name, of in found.shown.balance.items()}
    assert sum(counts.values()) == sum(rows_of(found.datasets["target"], split) for split in SPLITS)
    assert all(1 <= len(looks) <= 8 for looks in found.shown.data.values()) and len(found.shown.data) == 10


def test_quarantined_rows_stand_by_their_reasons(found: Findings, tmp_path: Path) -> None:
    lines = ["source,reason", *(f"a.csv:{row},out of range" for row in range(7)), 'b.csv:1,"<b>NaN</b>\u202e"']
    (tmp_path / "quarantine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    left_out = quarantined(tmp_path / "quarantine.csv")
    page = report_page(replace(found, shown=replace(found.shown, quarantined=left_out)))
    rows = Reader(page).rows("Rows of the target that were left out, with their reasons")
    assert rows["out of range"] == ["7", "a.csv:0, a.csv:1, a.csv:2, a.csv:3, a.csv:4 and 2 more"]
    assert rows["<b>NaN</b>⟨U+202E⟩"] == ["1", "b.csv:1"]
    assert "\u202e" not in page


def test_characters_that_hide_others_are_named_and_joiners_stay() -> None:
    assert harmless("a\x07b\u202ec\ufeff") == "a⟨U+0007⟩b⟨U+202E⟩c⟨U+FEFF⟩"
    assert harmless("👨\u200d👩 e\u0301 \n") == "👨\u200d👩 e\u0301 \n"


def test_the_version_names_date_commit_and_data_or_says_that_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert commit() == "no commit"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "params.yaml").write_text("a: 1\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert commit() == f"commit {head[:12]}"
    (tmp_path / "params.yaml").write_text("a: 2\n")
    assert commit() == f"commit {head[:12]} with changes that are not committed"
    assert re.fullmatch(r"\d+ \w+ \d{4}, \d\d:\d\d UTC · commit .+ · data a{12}", version_of("a" * 64).line)


def test_dvc_shows_few_columns_and_its_plots_have_their_tables(tiny_line: Path) -> None:
    summary, plots = tiny_line / "reports/summary", tiny_line / "reports/plots"
    figures = [json.loads(path.read_text()) for path in (summary / "recipes").glob("*.json")]
    best = json.loads((summary / "best.json").read_text())["best"]
    assert len(figures) == len(line.RECIPES) and len(set().union(*figures)) + len(best) + 1 <= 8
    measured = json.loads((tiny_line / f"reports/evaluate/{line.RECIPES[0]}/metrics.json").read_text())
    assert {"accuracy", "drop", "agreement", "zip_bytes"} == set(figures[0]) and best["recipe"].split(",")[
        0
    ] in line.RECIPES
    assert (plots / "roc.csv").read_text().startswith("class,false_positive_rate,true_positive_rate\n")
    assert len((plots / "confusion.csv").read_text().splitlines()) == measured["rows"] + 1
    assert len((plots / "size_against_quality.csv").read_text().splitlines()) == len(line.RECIPES) + 1
