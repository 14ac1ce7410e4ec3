"""The repository keeps the rules that it states."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.graph_rules import ROOT, entries, resolved_stages

FORBIDDEN = {
    "flows": {"tasks", "tensorflow", "tf_keras", "dvc", "ruamel", "yaml", "numpy", "pydantic"},
    "tasks": {"flows", "prefect", "dvc", "dvclive"},
}
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "DVC_NO_ANALYTICS": "1",
}


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.splitlines() if (ROOT / name).exists()]


def dvc(*arguments: str, cwd: Path = ROOT) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("package", ["flows", "tasks"])
def test_flows_and_tasks_know_nothing_of_each_other(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            assert not {module.split(".")[0] for module in modules} & FORBIDDEN[package], path


def test_tensorflow_is_not_imported_to_start_a_stage() -> None:
    code = (
        "import sys\n"
        "from importlib import import_module\n"
        f"for name in {sorted({name.split('@')[0] for name in resolved_stages()})}: import_module(f'tasks.{{name}}')\n"
        "assert 'tensorflow' not in sys.modules and 'tf_keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_git_ignores_every_output_but_the_plan_before_any_stage_runs() -> None:
    stages = resolved_stages().values()
    outputs = sorted(path for stage in stages for path in entries(stage, "outs", "metrics", "plots"))
    ignored = subprocess.run(
        ["git", "check-ignore", *outputs], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert sorted([*ignored, "plan"]) == outputs


def test_no_nested_gitignore_would_be_hashed_into_an_artifact() -> None:
    assert [name for name in tracked_files() if name.endswith(".gitignore")] == [".dvc/.gitignore", ".gitignore"]
    for folder in ("data", "models", "reports", "release"):
        assert not list((ROOT / folder).rglob(".gitignore"))


def test_the_lock_is_that_of_the_committed_code(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    for name in tracked_files():  # what is about to be committed, without any data
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, clone / name)
    said = dvc("repro", "--allow-missing", "--dry", cwd=clone)
    assert "Running stage" not in said, said
    assert "Data and pipelines are up to date." in said


def test_the_params_reference_is_generated_from_the_code() -> None:
    command = [sys.executable, "-c", "from docs.reference.generate import params_reference as p; print(p(), end='')"]
    generated = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert (ROOT / "docs/reference/params.md").read_text() == generated


def test_no_machine_and_no_package_index_is_named() -> None:
    indexes = ("pypi." + "org", "pythonhosted" + ".org", "/" + "root/", "/" + "work/")
    for name in tracked_files():
        content = (ROOT / name).read_bytes()
        assert not [index for index in indexes if index.encode() in content], name


def test_the_shipped_configuration_sends_no_telemetry() -> None:
    assert "analytics = false" in (ROOT / ".dvc/config").read_text()
    assert "analytics_enabled = false" in (ROOT / "prefect.toml").read_text()
    makefile = (ROOT / "Makefile").read_text()
    assert "DO_NOT_TRACK := 1" in makefile
    assert "DVC_NO_ANALYTICS := 1" in makefile
