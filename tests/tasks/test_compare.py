"""A new release beside the champion on the same rows: better or as good passes, worse is refused with the reason."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.files import read_json, sha256
from tests.tasks import line
from tests.tasks.test_predict import as_of_version_0_1
from tests.tasks.test_release import damage


@pytest.fixture
def copy(tiny_line: Path, tmp_path: Path) -> Path:
    """The line with its release, and a copy of that as the champion."""
    folder = Path(shutil.copytree(tiny_line, tmp_path / "line"))
    params = line.tiny_params()
    params["compare"] |= {"max_drop": {"accuracy": 0.08}, "min_slice_rows": 8, "max_slice_drop": 0.2}
    params["compare"] |= {"max_latency_growth": 100.0}
    line.write_params(folder, params)
    shutil.copytree(folder / "release", folder / "champion")
    return folder


def sign(bundle: Path) -> None:
    """Make the manifest that of the files."""
    manifest = read_json(bundle / "manifest.json")
    manifest["files"] = {name: sha256(bundle / name) for name in manifest["files"]}
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def comparison(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(folder / "reports/compare/comparison.json")
    return found


def test_a_model_passes_beside_itself(copy: Path) -> None:
    done = line.run(copy, "tasks.commands.compare champion release")
    assert done.returncode == 0, done.stdout
    found = comparison(copy)
    assert {one["drop"] for one in found["scores"].values()} == {0.0} and found["agreement"] == 1.0
    assert all(gate["passed"] for gate in found["gates"]) and found["rows"] == 90
    assert {gate["name"] for gate in found["gates"]} == {
        "max_drop.accuracy", "max_slice_drop", "max_size_growth", "max_latency_growth", "max_golden_difference",
    }  # fmt: skip
    assert "max_golden_difference | +0.0000" in done.stdout
    page = (copy / "reports/compare/report.html").read_text()
    assert "The candidate may replace the champion" in page and "<script" not in page and len(page) < 100_000


def test_a_champion_of_the_version_before_is_compared_too(copy: Path) -> None:
    as_of_version_0_1(copy / "champion")
    done = line.run(copy, "tasks.commands.compare champion release")
    assert done.returncode == 0, done.stdout


def test_a_worse_model_is_refused_with_what_it_lost_where(copy: Path) -> None:
    damage(copy / "release/model.tflite")
    sign(copy / "release")
    done = line.run(copy, "tasks.commands.compare champion release")
    assert done.returncode == 1 and "a candidate that is worse than the champion" in done.stdout
    assert re.search(r"max_drop.accuracy: 0\.\d+ > 0.08", done.stdout) and "in the slice class = " in done.stdout
    assert "max_golden_difference: " in done.stdout
    assert (
        line.run(copy, "tasks.commands.compare release champion").returncode == 1
    )  # golden vectors of a damaged bundle
    found = comparison(copy)
    assert found["scores"]["accuracy"]["drop"] < 0
    assert "The candidate may not replace the champion" in (copy / "reports/compare/report.html").read_text()


def test_a_much_bigger_file_is_refused(copy: Path) -> None:
    shutil.copyfile(copy / "models/tflite/float32.tflite", copy / "release/model.tflite")
    seen = np.load(copy / "reports/evaluate/float32/predictions.npz")["outputs"]
    golden = np.load(copy / "release/golden.npz")
    rows = np.linspace(0, 89, 16).round().astype(int)
    np.savez(copy / "release/golden.npz", image=golden["image"], outputs=seen[rows])
    sign(copy / "release")
    done = line.run(copy, "tasks.commands.compare champion release")
    assert (
        done.returncode == 1 and "max_size_growth: " in done.stdout and "max_drop" not in done.stdout.split("got:")[1]
    )


def test_a_bundle_that_was_changed_or_is_not_there_is_refused(copy: Path) -> None:
    damage(copy / "champion/model.tflite")
    done = line.run(copy, "tasks.commands.compare champion release")
    assert done.returncode == 65 and "champion/model.tflite" in done.stdout
    done = line.run(copy, "tasks.commands.compare nowhere release")
    assert done.returncode == 65 and "no nowhere/manifest.json" in done.stdout
    assert not (copy / "reports/compare").exists()


def test_models_of_other_classes_are_not_compared(copy: Path) -> None:
    (copy / "champion/assets/labels.txt").write_text("\n".join("abcdefghij") + "\n")
    sign(copy / "champion")
    done = line.run(copy, "tasks.commands.compare champion release")
    assert (
        done.returncode == 65
        and "champion: a, b" in done.stdout
        and "the same classes in the same order" in done.stdout
    )
