"""The default line, whole, in fresh clones: killed on the way, resumed, run by DVC and by Prefect, changed."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.graph_rules import ROOT
from tests.tasks import line

# The only outputs that may differ between equal runs: latencies, the verdict on them, and what shows or holds either.
MEASURED = re.compile(r"reports/profile(/.*)?|reports/(verdict\.json|results\.md|model_card\.md|report\.html)|release")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh") / "trimline"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def environment(clone: Path) -> dict[str, str]:
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(clone / ".trimline/prefect"),
    }


def run(clone: Path, *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=clone, env=environment(clone), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout[-4000:]
    return finished.stdout


def lock_without_measurements(path: Path) -> dict[str, Any]:
    stages: dict[str, Any] = YAML(typ="safe").load(path)["stages"]
    for stage in stages.values():
        for entry in stage.get("deps", []) + stage.get("outs", []):
            if MEASURED.fullmatch(entry["path"]):
                del entry["md5"], entry["size"]
    return stages


def expected_lock(own: dict[str, Any], folder: Path, *targets: str) -> dict[str, Any]:
    """The committed lock, or, where that was made on another kind of processor, the lock of a `dvc repro` on this one.

    Equal bytes are promised for one kind of processor: what it has decides the order in which a training run adds.
    With `targets`, that `dvc repro` runs no more than these need, and nothing is expected of the other stages' bytes.
    """
    committed = lock_without_measurements(ROOT / "dvc.lock")
    if own["train"] == committed["train"]:
        return committed
    untrained = [stage for stage in committed if stage.startswith(("ingest", "preprocess"))]
    assert len(untrained) == 4 and all(own[stage] == committed[stage] for stage in untrained)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    run(folder, "dvc", "repro", *targets)
    undisturbed = lock_without_measurements(folder / "dvc.lock")
    return {name: undisturbed[name] if name in targets else own[name] for name in committed} if targets else undisturbed


def processes_in(folder: Path) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                yield (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # it ended meanwhile


@pytest.mark.skipif(sys.platform != "linux", reason="looks for orphans in /proc")
def test_killing_dvc_repro_in_mid_train_leaves_no_process_and_no_half_artifact(clone: Path) -> None:
    command = [sys.executable, "-m", "dvc", "repro"]
    with subprocess.Popen(command, cwd=clone, env=environment(clone), text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for said in process.stdout:
            if "train: epoch" in said:
                break
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while (left := list(processes_in(clone))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left
    assert not (clone / "models/base").exists()
    assert list((clone / ".trimline/checkpoints").glob("train-*.npz"))


def test_the_killed_stage_then_ends_with_the_bytes_of_the_committed_lock(clone: Path, tmp_path: Path) -> None:
    run(clone, "dvc", "repro", "train")
    own = lock_without_measurements(clone / "dvc.lock")
    assert own == expected_lock(own, tmp_path / "undisturbed", "train")
    assert not list((clone / ".trimline/checkpoints").glob("*"))


@pytest.mark.slow
def test_the_flow_ends_with_the_bytes_of_the_committed_lock_and_nothing_is_left_to_do(
    clone: Path, tmp_path: Path
) -> None:
    said = run(clone, "flows.cli", "run")
    assert "pruned_qat_int8" in said
    assert "reports/report.html" in said
    own = lock_without_measurements(clone / "dvc.lock")
    assert own == expected_lock(own, tmp_path / "undisturbed", "train")
    assert "Data and pipelines are up to date." in run(clone, "dvc", "repro")


@pytest.mark.slow
def test_a_changed_recipe_runs_its_own_stages_and_the_release_and_nothing_else(clone: Path) -> None:
    run(clone, "flows.cli", "set", 'compress.int8.float_layers=["logits"]')
    said = run(clone, "dvc", "repro")
    ran = re.findall(r"Running stage '(.+)'", said)
    own = [f"{stage}@int8" for stage in ("compress", "export", "evaluate", "profile")]
    assert sorted(ran) == sorted([*own, "plan", *line.DECISION])


@pytest.mark.slow
def test_an_impossible_budget_fails_with_the_bounds_and_leaves_the_last_release(clone: Path) -> None:
    before = line.tree(clone / "release")
    run(clone, "flows.cli", "set", "release.max_size_bytes=10")
    finished = subprocess.run(
        [sys.executable, "-m", "flows.cli", "run", "--stages", "verdict,report,release"],
        cwd=clone, env=environment(clone), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert finished.returncode == 1
    for recipe in ("float32", "int8", "qat_int8", "pruned_qat_int8"):
        assert re.search(rf"{recipe}: max_size_bytes: [\d,]+ > 10", finished.stdout)
    assert "Traceback" not in finished.stdout
    assert line.tree(clone / "release") == before
