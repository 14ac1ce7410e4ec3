"""The verdict is always written; the smallest recipe that passes every gate is released, or else nothing changes."""

import json
import re
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.files import read_json, sha256, sha256_tree
from tasks.data import columns
from tasks.tflite.bundle import replay_golden
from tasks.tflite.file import File
from tasks.tflite.runtime import infer
from tests.tasks import line
from tests.tasks.test_defaults import as_known


@pytest.fixture
def copy(tiny_line: Path, tmp_path: Path) -> Path:
    """The line after its release, to be changed."""
    return Path(shutil.copytree(tiny_line, tmp_path / "line"))


def metrics(folder: Path) -> dict[str, Any]:
    return {recipe: read_json(folder / f"reports/evaluate/{recipe}/metrics.json") for recipe in line.RECIPES}


def set_gates(folder: Path, **bounds: Any) -> None:
    params = line.tiny_params()
    params["release"] |= bounds
    line.write_params(folder, params)


def decide(folder: Path) -> dict[str, Any]:
    """Run the verdict, which must end with 0, and return it."""
    line.run_all(folder, ["verdict"])
    found: dict[str, Any] = read_json(folder / "reports/verdict.json")
    return found


def leaves(value: Any) -> Iterator[Any]:
    """Every key and every value in nested JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def test_the_recipe_with_the_smallest_zip_is_released(tiny_line: Path) -> None:
    manifest, measured = read_json(tiny_line / "release/manifest.json"), metrics(tiny_line)
    assert manifest["recipe"] == min(measured, key=lambda recipe: measured[recipe]["zip_bytes"])
    file = tiny_line / f"models/tflite/{manifest['recipe']}.tflite"
    assert (tiny_line / "release/model.tflite").read_bytes() == file.read_bytes()
    assert (tiny_line / "release/assets/labels.txt").read_text().splitlines() == [str(digit) for digit in range(10)]
    assert manifest["metrics"] == measured[manifest["recipe"]]
    assert all(gate["passed"] for gate in manifest["gates"])


def test_the_next_smallest_is_released_where_the_smallest_is_too_slow(copy: Path) -> None:
    measured = metrics(copy)
    smallest, second = sorted(measured, key=lambda recipe: measured[recipe]["zip_bytes"])[:2]
    path = copy / f"reports/profile/{smallest}.json"
    report = read_json(path)
    report["latency_us"]["median"] = 2e6
    path.write_text(json.dumps(report))
    line.run_all(copy, line.DECISION)
    manifest = read_json(copy / "release/manifest.json")
    assert manifest["recipe"] == second
    judged = {candidate["recipe"]: candidate["gates"] for candidate in manifest["candidates"]}
    assert [gate["name"] for gate in judged[smallest] if not gate["passed"]] == ["max_latency_us"]
    assert set(judged) == set(line.RECIPES)


def test_a_bound_is_kept_by_a_file_that_just_meets_it(copy: Path) -> None:
    size = min(measured["size_bytes"] for measured in metrics(copy).values())
    set_gates(copy, max_size_bytes=size)
    chosen = decide(copy)["chosen"]
    assert metrics(copy)[chosen]["size_bytes"] == size
    set_gates(copy, max_size_bytes=size - 1)
    assert decide(copy)["chosen"] is None


def test_where_none_fits_the_verdict_has_the_reasons_the_release_refuses_and_the_last_one_stays(copy: Path) -> None:
    before = line.tree(copy / "release")
    set_gates(copy, max_size_bytes=10, max_latency_us=0.001)
    decided = line.run(copy, "verdict")
    assert decided.returncode == 0
    line.run_all(copy, ["report"])
    refused = line.run(copy, "release")
    assert refused.returncode == 1
    for said, latency in ((decided.stdout, r"[\d.]+ > 0.001"), (refused.stdout, "more than 0.001")):
        for recipe, measured in metrics(copy).items():
            reasons = next(text for text in said.splitlines() if text.strip().startswith(f"{recipe}: "))
            assert f"max_size_bytes: {measured['size_bytes']:,} > 10" in reasons
            assert re.search(f"max_latency_us: {latency}", reasons) and "max_drop" not in reasons
    assert line.tree(copy / "release") == before


def test_the_nearest_candidate_fails_the_fewest_gates_and_is_the_smallest_of_those(copy: Path) -> None:
    measured = metrics(copy)
    smallest, second = sorted(measured, key=lambda recipe: measured[recipe]["zip_bytes"])[:2]
    set_gates(copy, max_size_bytes=10)
    verdict = decide(copy)
    assert (verdict["released"], verdict["chosen"], verdict["described"]) == (False, None, smallest)
    assert [gate["name"] for gate in verdict["gates"] if not gate["passed"]] == ["max_size_bytes"]
    path = copy / f"reports/evaluate/{smallest}/metrics.json"
    path.write_text(json.dumps(read_json(path) | {"agreement_with_float32": -1.0}))
    verdict = decide(copy)
    assert verdict["described"] == second and {one["recipe"] for one in verdict["candidates"]} == set(line.RECIPES)


@pytest.mark.parametrize(
    "path", ["models/tflite/old.tflite", "models/compressed/old", "reports/evaluate/old", "reports/profile/old.json"]
)
def test_what_a_removed_recipe_left_behind_is_refused_with_the_files_to_delete(path: str, copy: Path) -> None:
    before = line.tree(copy / "release")
    (copy / path).mkdir()
    for stage in ("verdict", "release") if "profile" not in path else ("verdict",):
        done = line.run(copy, stage)
        assert done.returncode == 65
        assert f"to do:    rm -r {path}\n" in done.stdout
    assert line.tree(copy / "release") == before


def test_a_recipe_that_was_not_exported_is_refused(copy: Path) -> None:
    (copy / "models/tflite/int8.tflite").unlink()
    done = line.run(copy, "verdict")
    assert done.returncode == 65 and "missing: models/tflite/int8.tflite" in done.stdout


def test_every_sum_of_the_manifest_is_right_and_no_input_is_left_out(tiny_line: Path) -> None:
    manifest = read_json(tiny_line / "release/manifest.json")
    sums = manifest["inputs"] | manifest["plan"]
    assert {name: sha256(tiny_line / name) for name in sums} == sums
    files = sha256_tree(tiny_line / "release")
    assert files.pop("manifest.json") and files == manifest["files"]
    models = {f"models/{name}" for name in line.tree(tiny_line / "models")}
    evaluations = {f"reports/evaluate/{name}" for name in line.tree(tiny_line / "reports/evaluate")}
    others = {
        path.replace("<role>", role)
        for role in ("base", "target")
        for path in ("data/ready/<role>/dataset.json", "data/raw/<role>/manifest.json", "schemas/<role>.json")
    }
    assert set(manifest["inputs"]) == models | evaluations | others
    assert set(manifest["plan"]) == {f"plan/{name}" for name in line.tree(tiny_line / "plan")}


def test_the_bundle_is_one_folder_with_the_pages_of_its_run(tiny_line: Path) -> None:
    names = {"model.tflite", "golden.npz", "manifest.json", "report.html", "model_card.md", "model.cdx.json"}
    assert set(line.tree(tiny_line / "release")) == names | {"assets/input.json", "assets/labels.txt"}
    for name in ("report.html", "model_card.md", "model.cdx.json"):
        assert (tiny_line / "release" / name).read_bytes() == (tiny_line / "reports" / name).read_bytes()


def test_the_manifest_holds_the_parameters_as_they_are_in_the_file(tiny_line: Path) -> None:
    expected = json.loads((tiny_line / "params.yaml").read_text())
    assert as_known(read_json(tiny_line / "release/manifest.json")["parameters"], expected) == expected


def test_the_input_of_the_manifest_is_that_of_the_model(tiny_line: Path) -> None:
    metadata = read_json(tiny_line / "models/tuned/model.json")["data"]["normalisation"]
    given = read_json(tiny_line / "release/manifest.json")["interface"]["image"]
    assert given.pop("scale") == pytest.approx(1 / metadata["std"], rel=1e-5)
    expected = {"shape": [16, 16, 1], "dtype": "int8", "zero_point": metadata["mean"] - 128, "feed": "raw - 128"}
    assert given == expected


@pytest.mark.parametrize("path", ["release/manifest.json", "reports/verdict.json"])
def test_no_time_path_host_or_latency_is_in_the_manifest_and_the_verdict(path: str, tiny_line: Path) -> None:
    manifest = read_json(tiny_line / path)
    texts = [str(leaf) for leaf in leaves(manifest)]
    host = re.compile(rf"\b{re.escape(socket.gethostname())}\b")
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    for text in texts:
        assert not text.startswith("/") and "/tmp" not in text and str(tiny_line) not in text
        assert not host.search(text) and today not in text
    numbers = {leaf for leaf in leaves(manifest) if isinstance(leaf, float)}
    for recipe in line.RECIPES:
        report = read_json(tiny_line / f"reports/profile/{recipe}.json")
        assert not numbers & {*report["latency_us"].values(), *report["float32_latency_us"].values()}


def test_another_latency_and_another_folder_change_the_pages_and_nothing_else(tiny_line: Path, copy: Path) -> None:
    for path in (copy / "reports/profile").iterdir():
        report = read_json(path)
        report["latency_us"] = {key: value * 1.5 for key, value in report["latency_us"].items()}
        path.write_text(json.dumps(report))
    shutil.rmtree(copy / "release")
    line.run_all(copy, line.DECISION)
    assert (copy / "reports/verdict.json").read_bytes() == (tiny_line / "reports/verdict.json").read_bytes()
    first, second = line.tree(tiny_line / "release"), line.tree(copy / "release")
    pages = {"report.html", "model_card.md"}
    changed = {name for name in first | second if first.get(name) != second.get(name)}
    assert changed == pages | {"manifest.json"}
    manifests = [json.loads(tree["manifest.json"]) for tree in (first, second)]
    for manifest in manifests:
        manifest["files"] = {name: digest for name, digest in manifest["files"].items() if name not in pages}
    assert manifests[0] == manifests[1]


def test_the_pages_for_people_show_every_recipe_and_the_released_one(tiny_line: Path) -> None:
    table = (tiny_line / "reports/results.md").read_text()
    card = (tiny_line / "reports/model_card.md").read_text()
    released = read_json(tiny_line / "release/manifest.json")["recipe"]
    for recipe, measured in metrics(tiny_line).items():
        row = next(text for text in table.splitlines() if text.startswith(f"| {recipe} "))
        assert f"{measured['scores']['accuracy']['value']:.2%}" in row and f"{measured['zip_bytes']:,}" in row
        verdict = row.split("|")[2].strip()
        assert (verdict == "released") == (recipe == released)
    assert table[table.index("| recipe") :].strip() in card and sha256(tiny_line / "release/model.tflite") in card


def test_the_golden_vectors_are_what_evaluate_saw_and_the_bundle_replays_them(tiny_line: Path) -> None:
    golden = np.load(tiny_line / "release/golden.npz")
    recipe = read_json(tiny_line / "release/manifest.json")["recipe"]
    seen = np.load(tiny_line / f"reports/evaluate/{recipe}/predictions.npz")
    rows = np.linspace(0, 89, 16).round().astype(int)
    assert (golden["outputs"] == seen["outputs"][rows]).all()
    images = columns.load(tiny_line / "data/ready/target").column("test", "image").all()
    assert (golden["image"] == images[rows]).all()
    assert replay_golden(tiny_line / "release/model.tflite", tiny_line / "release/golden.npz", infer) == 0.0


def test_a_file_that_is_not_the_one_that_was_measured_is_not_released(copy: Path) -> None:
    before = line.tree(copy / "release")
    recipe = read_json(copy / "release/manifest.json")["recipe"]
    damage(copy / f"models/tflite/{recipe}.tflite")
    done = line.run(copy, "release")
    assert done.returncode == 1 and "from those that evaluate saw of the same file" in done.stdout
    assert line.tree(copy / "release") == before


def damage(path: Path, seed: int = 0) -> None:
    """Disturb the weights of the last layer: some classes can hardly be told apart any more."""
    file = File(path.read_bytes())
    last = file.weighted()[-1]
    kernel = file.values(last.kernel)
    noise = np.random.default_rng(seed).integers(-60, 61, kernel.shape)
    file.set_values(last.kernel, np.clip(kernel.astype(int) + noise, -127, 127))
    path.write_bytes(file.content())


def drop_a_class(path: Path, number: int) -> None:
    """Make a class so unlikely that it is never predicted."""
    file = File(path.read_bytes())
    last = file.weighted()[-1]
    assert last.bias is not None
    bias = file.values(last.bias)
    bias[number] -= 1_000_000
    file.set_values(last.bias, bias)
    path.write_bytes(file.content())


@pytest.mark.parametrize("harm", ["perturbed", "class dropped"])
def test_a_damaged_model_is_refused_with_the_right_reason(harm: str, copy: Path) -> None:
    """Also a first release: nothing is waved through because there is no champion."""
    shutil.rmtree(copy / "release")
    for recipe in ("int8", "pruned_qat_int8"):
        path = copy / f"models/tflite/{recipe}.tflite"
        damage(path) if harm == "perturbed" else drop_a_class(path, 3)
    line.run_all(copy, ["evaluate@int8", "evaluate@pruned_qat_int8"])
    set_gates(
        copy, max_size_bytes=10_000, at_least={"accuracy": 0.8}, max_drop={"accuracy": 0.09}, max_slice_drop=0.3,
        min_slice_rows=8, min_agreement=0.92, undecided="refuse",
    )  # fmt: skip
    decide(copy)
    done = line.run(copy, "release")
    assert done.returncode == 1 and not (copy / "release").exists()
    for recipe in ("int8", "pruned_qat_int8"):
        told = next(text for text in done.stdout.splitlines() if text.strip().startswith(f"{recipe}: "))
        assert "min_agreement: " in told and re.search(r"max_drop.accuracy: [^;]* > 0.09", told)
        if harm == "class dropped":
            assert "in the slice class = 3 of 10 rows" in told and "max_slice_drop: 1 > 0.3" in told
        else:
            assert re.search(r"at_least.accuracy: [^;]* < 0.8", told)


def test_a_first_release_below_an_absolute_bound_is_refused(copy: Path) -> None:
    shutil.rmtree(copy / "release")
    set_gates(copy, at_least={"f1_macro": 0.999})
    decide(copy)
    done = line.run(copy, "release")
    assert done.returncode == 1 and re.search(r"at_least.f1_macro: 0\.\d+ < 0.999", done.stdout)
    assert not (copy / "release").exists()


def test_a_device_without_floats_gets_an_int8_file_and_no_other(copy: Path) -> None:
    set_gates(copy, device="int8_microcontroller")
    judged = {one["recipe"]: one["gates"] for one in decide(copy)["candidates"]}
    failing = {recipe: [gate["reason"] for gate in gates if not gate["passed"]] for recipe, gates in judged.items()}
    assert failing["int8"] == failing["pruned_qat_int8"] == []
    assert failing["float32"] == [
        "device: tensors of float32 on int8-only microcontroller, LiteRT for Microcontrollers"
    ]


def accept(folder: Path, *options: str) -> Any:
    return line.run(folder, " ".join(["tasks.commands.release", *options]))


def test_a_candidate_that_fails_is_released_at_its_owners_risk_as_long_as_the_file_is_that_one(copy: Path) -> None:
    shutil.rmtree(copy / "release")
    set_gates(copy, max_size_bytes=10)
    assert decide(copy)["released"] is False
    done = accept(copy, "--accept", "int8", "--reason", "a_trial_on_two_devices")
    assert done.returncode == 0, done.stdout
    assert "in spite of max_size_bytes: " in done.stdout and "`trimline run` decides again" in done.stdout
    file = copy / "models/tflite/int8.tflite"
    accepted = {"recipe": "int8", "reason": "a_trial_on_two_devices", "sha256": sha256(file)}
    assert line.params_of(copy).release.model_dump()["accept"] == accepted
    line.run_all(copy, line.DECISION)
    verdict, manifest = read_json(copy / "reports/verdict.json"), read_json(copy / "release/manifest.json")
    for document in (verdict, manifest):
        assert document["accepted"] == accepted
        assert [gate["name"] for gate in document["gates"] if not gate["passed"]] == ["max_size_bytes"]
    assert (verdict["released"], verdict["chosen"], manifest["recipe"]) == (True, "int8", "int8")
    assert (copy / "release/model.tflite").read_bytes() == file.read_bytes()

    before = line.tree(copy / "release")
    damage(file)
    verdict = decide(copy)
    assert verdict["released"] is False and verdict["accepted"] is None
    assert f"it accepts int8 of SHA-256 {accepted['sha256'][:12]}, and here is " in verdict["not_accepted"]
    refused = line.run(copy, "release")
    assert refused.returncode == 1 and "release.accept does not hold" in refused.stdout
    assert line.tree(copy / "release") == before
    assert accept(copy, "--withdraw").returncode == 0
    assert decide(copy)["not_accepted"] is None


def test_what_is_accepted_needs_a_recipe_a_file_and_a_reason(copy: Path) -> None:
    before = (copy / "params.yaml").read_bytes()
    for options, status, said in (
        (("--accept", "int9", "--reason", "x"), 78, "one of float32, int8, pruned_qat_int8"),
        (("--accept", "int8"), 2, "--accept needs --reason TEXT"),
        (("--reason", "x"), 2, "one of the arguments --accept --withdraw is required"),
    ):
        done = accept(copy, *options)
        assert done.returncode == status and said in done.stdout
    (copy / "models/tflite/int8.tflite").unlink()
    done = accept(copy, "--accept", "int8", "--reason", "x")
    assert done.returncode == 78 and "no models/tflite/int8.tflite" in done.stdout
    assert (copy / "params.yaml").read_bytes() == before


def test_rows_that_cannot_decide_are_no_refusal_unless_the_line_says_so(copy: Path) -> None:
    bounds = {"at_least": {"accuracy": metrics(copy)["int8"]["scores"]["accuracy"]["value"] - 0.001}}
    set_gates(copy, **bounds)
    verdict = decide(copy)
    (gate,) = [gate for gate in verdict["gates"] if gate["name"] == "at_least.accuracy"]
    assert (gate["status"], gate["passed"], gate["rows"], verdict["rows"]) == ("undecided", True, 90, 90)
    assert verdict["released"] and f"undecided with 90 rows: needs about {gate['needs_rows']:,}" in gate["reason"]
    set_gates(copy, **bounds, undecided="refuse")
    verdict = decide(copy)
    assert not verdict["released"]
    (gate,) = [gate for gate in verdict["gates"] if gate["name"] == "at_least.accuracy"]
    assert gate["status"] == "undecided" and not gate["passed"]
    smallest = gate["smallest_change"].removeprefix("trimline set ")
    assert line.run(copy, f"tasks.commands.set {smallest}").returncode == 0
    assert decide(copy)["released"]


def test_a_network_beside_the_strongest_simple_method_is_told_and_refused_where_the_line_says_so(copy: Path) -> None:
    compared = decide(copy)["baselines"]
    assert compared["metric"] == "accuracy" and compared["strongest"] == "logistic_regression"
    path = copy / "reports/baseline.json"
    document = read_json(path)
    document["baselines"]["logistic_regression"]["accuracy"] = 1.0
    path.write_text(json.dumps(document))
    verdict = decide(copy)
    assert verdict["released"] and verdict["baselines"]["beaten"] is False
    assert line.run(copy, "verdict").stdout.count("the simple method logistic_regression is better") == 1
    set_gates(copy, worse_than_baseline="refuse")
    verdict = decide(copy)
    assert not verdict["released"]
    (gate,) = [gate for gate in verdict["gates"] if gate["name"] == "worse_than_baseline"]
    assert (gate["status"], gate["bound"]) == ("failed", 1.0)


def test_a_class_without_a_test_row_stands_in_the_verdict(copy: Path) -> None:
    assert decide(copy)["classes_without_rows"] == []
    for recipe in line.RECIPES:
        path = copy / f"reports/evaluate/{recipe}/metrics.json"
        measured = read_json(path)
        measured["per_class"]["7"]["rows"] = 0
        path.write_text(json.dumps(measured))
    assert decide(copy)["classes_without_rows"] == ["7"]
    assert "classes without a test row, which nothing here measures: 7" in line.run(copy, "verdict").stdout
