"""A change runs the stages whose result it can change, and no other: in a clone of this tree, as DVC sees it."""

import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flows import why as flow_why
from tests.graph_rules import ROOT, plan_path, resolved_stages

ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "DVC_NO_ANALYTICS": "1",
}
RECIPES = sorted(name.partition("@")[2] for name in resolved_stages() if name.startswith("compress@"))
TRAINING = {"train", "fine_tune", "cross_validate", *(f"compress@{recipe}" for recipe in RECIPES)}
LINE = "\nUNUSED = 1\n"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.splitlines():  # what is about to be committed, without any data
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--allow-empty", "-m", "now")
    return folder


@pytest.fixture(autouse=True)
def as_committed(clone: Path) -> Iterator[None]:
    yield
    git(clone, "reset", "--quiet", "--hard")
    git(clone, "clean", "--quiet", "-d", "--force")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)


def dvc(folder: Path, *arguments: str) -> str:
    words = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def plan(folder: Path) -> str:
    words = [sys.executable, "-m", "tasks.commands.stage", "plan", "--schemas", "schemas", "--plan", "plan"]
    done = subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def stages_to_run(folder: Path) -> set[str]:
    """The stages that `dvc repro` runs because of their own dependencies, after `plan` has run."""
    assert "Running stage 'plan'" in dvc(folder, "repro", "plan")
    return set(re.findall(r"Running stage '(.+)'", dvc(folder, "repro", "--allow-missing", "--dry")))


def stages_of_another_plan(folder: Path) -> set[str]:
    """The stages whose plan file is not the one that dvc.lock names: for these DVC would need their data to go on."""
    dvc(folder, "repro", "plan")
    stages = YAML(typ="safe").load(folder / "dvc.lock")["stages"]
    return {
        name
        for name, stage in stages.items()
        for dep in stage.get("deps", [])
        if dep["path"] == plan_path(name)
        and dep["md5"] != hashlib.md5((folder / dep["path"]).read_bytes(), usedforsecurity=False).hexdigest()
    }


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_comments_and_docstrings_anywhere_run_no_stage_but_the_plan(clone: Path) -> None:
    for path in (clone / "tasks").rglob("*.py"):
        text = path.read_text()
        if text.startswith('"""'):
            path.write_text(text.replace('"""', '"""Another word. ', 1) + "\n# A comment.\n")
    assert stages_to_run(clone) == set()


def test_code_that_the_kind_of_the_line_does_not_import_runs_no_stage_but_the_plan(clone: Path) -> None:
    for name in ("kinds/translation/data.py", "kinds/regression/model.py", "models/architectures/minilm.py"):
        append(clone / "tasks" / name, LINE)
    assert stages_to_run(clone) == set()


def test_another_version_of_a_linter_in_the_lock_runs_no_stage_but_the_plan(clone: Path) -> None:
    lock = clone / "requirements.lock"
    text = re.sub(r"(?m)^ruff==\S+", "ruff==0.0.1", lock.read_text())
    assert text != lock.read_text()
    lock.write_text(text)
    assert stages_to_run(clone) == set()


def test_a_default_that_is_written_out_runs_no_stage_but_the_plan(clone: Path) -> None:
    planned = json.loads((clone / "plan/profile/int8.json").read_text())["settings"]["profile"]
    assert "\nprofile:" not in (clone / "params.yaml").read_text()
    append(clone / "params.yaml", f"\nprofile: {json.dumps(planned)}\n")
    assert stages_to_run(clone) == set()


def test_the_slimmer_runs_the_exports_and_no_training(clone: Path) -> None:
    append(clone / "tasks/tflite/slim.py", LINE)
    ran = stages_of_another_plan(clone)
    assert {f"export@{recipe}" for recipe in RECIPES} <= ran
    assert not ran & TRAINING
    assert not {name for name in ran if name.startswith(("ingest", "preprocess", "baseline"))}


def test_a_change_of_one_recipe_runs_its_own_stages(clone: Path) -> None:
    words = [sys.executable, "-m", "flows.cli", "set", "params.yaml", 'compress.int8.float_layers=["logits"]']
    subprocess.run(words, cwd=clone, env=ENVIRONMENT, check=True, capture_output=True)
    # release depends on the folder of all plans, so that it runs whenever one has changed.
    assert stages_of_another_plan(clone) == {"compress@int8", "export@int8", "verdict", "report"}


def test_a_line_without_a_schema_is_planned_and_the_schema_then_changes_no_plan_of_ingest(clone: Path) -> None:
    before = (clone / "plan/ingest/target.json").read_bytes()
    schemas = {path: path.read_bytes() for path in (clone / "schemas").glob("*.json")}
    for path in schemas:
        path.unlink()
    (clone / "schemas/.keep").touch()
    assert "plan: " in plan(clone)
    assert (clone / "plan/ingest/target.json").read_bytes() == before
    for path, content in schemas.items():
        path.write_bytes(content)
    plan(clone)
    assert (clone / "plan/ingest/target.json").read_bytes() == before


def test_a_schema_of_another_kind_is_named_before_anything_runs_and_refused_where_it_is_used(clone: Path) -> None:
    schema = json.loads((clone / "schemas/target.json").read_text()) | {"kind": "regression"}
    (clone / "schemas/target.json").write_text(json.dumps(schema))
    said = plan(clone)  # ingest must be able to run: the new schema is written from what it brings
    assert "schemas/target.json is of kind 'regression'" in said and "trimline schema target --replace" in said
    folders = ("--raw", "data/raw/target", "--schema", "schemas/target.json", "--ready", "data/ready/target")
    refused = stage(clone, "preprocess", "plan/preprocess/target.json", *folders)
    assert refused.returncode == 65 and "trimline schema --replace" in refused.stdout


def test_a_stage_refuses_a_plan_of_other_code_and_of_other_packages(clone: Path) -> None:
    append(clone / "tasks/ingest.py", LINE)
    said = stage(clone, "ingest", "plan/ingest/target.json", "--raw", "data/raw/target")
    assert said.returncode == 78 and "tasks.ingest" in said.stdout and "dvc repro" in said.stdout
    plan(clone)
    path = clone / "plan/ingest/target.json"
    planned = json.loads(path.read_text())
    path.write_text(json.dumps(planned | {"packages": {"numpy": "0.0.1"}}))
    said = stage(clone, "ingest", "plan/ingest/target.json", "--raw", "data/raw/target")
    assert said.returncode == 78 and "planned 0.0.1" in said.stdout
    assert not (clone / "data/raw/target").exists()


def test_a_stage_refuses_the_plan_of_another_stage(clone: Path) -> None:
    said = stage(clone, "baseline", "plan/export/int8.json", "--data", "data", "--report", "reports/x.json")
    assert said.returncode == 78 and "the plan of export@int8" in said.stdout


def stage(folder: Path, name: str, plan_file: str, *options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tasks.commands.stage", name, "--plan", plan_file, *options]
    return subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_the_plan_needs_no_tensorflow_and_little_time(clone: Path) -> None:
    heavy = {"tensorflow", "tf_keras", "sklearn", "tokenizers", "PIL"}
    code = f"import sys, tasks.plan; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=clone, env=ENVIRONMENT, check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "plan: " in plan(clone)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # CPU seconds, 0.9 here; the bound is far off, so that a slow machine does not decide.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 10


def test_why_names_the_setting_and_what_follows_it_before_anything_runs(clone: Path) -> None:
    dvc(clone, "repro", "plan")
    change = [sys.executable, "-m", "flows.cli", "set", "params.yaml", "export.calibration_rows=201"]
    subprocess.run(change, cwd=clone, env=ENVIRONMENT, check=True, capture_output=True)
    before = {path: path.read_bytes() for path in (clone / "plan").rglob("*.json")}
    assert "  setting export.calibration_rows: 200 -> 201\n" in why(clone, "export@int8")
    assert "  plan/export/int8.json will be another one: `trimline why export@int8`\n" in why(clone, "release")
    assert {path: path.read_bytes() for path in (clone / "plan").rglob("*.json")} == before


def test_why_says_of_a_stage_without_a_reason_of_its_own_which_it_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a small graph: here every stage of the data that a clone lacks has a reason of its own."""
    plans = {f"plan/{name}.json": name.encode() for name in ("first", "second")}
    monkeypatch.setattr("flows.dvc.graph", lambda _: (["plan", "first", "second"], GRAPH))
    lock = "stages:\n" + "".join(
        f"  {name}:\n    cmd: x\n    deps:\n    - path: plan/{name}.json\n      md5: {flow_why.md5_of(name.encode())}\n"
        for name in ("first", "second")
    )
    (tmp_path / "dvc.lock").write_text(lock)
    assert flow_why.outdated_before(tmp_path, "second", plans) == []
    assert flow_why.outdated_before(tmp_path, "second", plans | {"plan/first.json": b"other"}) == ["first"]


GRAPH = {"plan": list[str](), "first": ["plan"], "second": ["first", "plan"]}


def why(folder: Path, stage: str) -> str:
    words = [sys.executable, "-m", "flows.cli", "why", stage]
    done = subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("compress.int8.float_layers=[\"conv_9\"]", "compress.int8.float_layers: conv_9 is no layer of conv_net"),
        ("release.at_least={\"acuracy\": 0.9}", "release.at_least.acuracy: no metric of image_classification; did"),
        ("release.device=\"fridge\"", "release.device: fridge is no file of presets/devices; there are "),
        ("compare.max_drop={\"rmse\": 1.0}", "compare.max_drop.rmse: no metric of image_classification"),
        ("fine_tune.frozen=[\"block_\"]", "fine_tune.frozen: no layer of conv_net has a name that begins with block_"),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere_is_refused_before_anything_runs(clone: Path, change: str, said: str) -> None:
    words = [sys.executable, "-m", "flows.cli", "set", "params.yaml", change]
    subprocess.run(words, cwd=clone, env=ENVIRONMENT, check=True, capture_output=True)
    told = plan(clone)
    assert "exit status 78" in told and said in told


@pytest.mark.slow
def test_an_experiment_sets_a_key_that_only_has_a_default(clone: Path) -> None:
    dvc(clone, "exp", "run", "-S", "+evaluate.resamples=500", "plan")
    planned = json.loads((clone / "plan/evaluate/int8.json").read_text())
    assert planned["settings"]["evaluate"]["resamples"] == 500
    assert "evaluate.resamples" in dvc(clone, "params", "diff")
