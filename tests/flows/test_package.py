"""The wheel: what is in it, and a line in a folder without source that runs on the installed package."""

import sys
import zipfile
from pathlib import Path

import pytest

from flows.serve import free_port
from tests.flows import processes, toy, wheels
from tests.graph_rules import ROOT

EVIL = "raise SystemExit('the code of the folder was imported')\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheels.build(wheels.copy_source(tmp_path_factory.mktemp("source")), tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that the wheel is installed in, beside the packages of this one."""
    return wheels.environment(tmp_path_factory.mktemp("installed"), wheel)


@pytest.fixture
def folder(root: Path) -> Path:
    """A line without source, in a repository of a company that has packages called like ours."""
    toy.run(root, "git", "rm", "-r", "--quiet", "flows", "tasks", "pyproject.toml")
    for package in ("tasks", "flows"):
        for module in ("__init__.py", "pipeline.py", "core/__init__.py"):
            (root / package / module).parent.mkdir(parents=True, exist_ok=True)
            (root / package / module).write_text(EVIL)
    toy.commit(root, "A line of a company")
    return root


def test_the_wheel_has_every_module_and_the_files_of_the_line(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert archive.read("tasks/shipped_line/dvc.yaml") == (ROOT / "dvc.yaml").read_bytes()
    source = [path.relative_to(ROOT) for package in ("flows", "tasks") for path in (ROOT / package).rglob("*.py")]
    assert not {str(path) for path in source} - names
    for path in ROOT.glob("presets/**/*.yaml"):
        assert f"tasks/shipped_line/{path.relative_to(ROOT)}" in names
    for path in ROOT.glob("tasks/reporting/templates/*"):
        assert str(path.relative_to(ROOT)) in names
    hidden = (".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore")  # which `trimline upgrade` gives a line
    assert {f"tasks/shipped_line/{name}" for name in hidden} <= names
    assert {"flows/hosts.yaml", "tasks/shipped_line/prefect.yaml", "tasks/shipped_line/params.yaml"} <= names
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "docs"))]


def test_shipped_files_are_found_in_the_checkout_and_in_the_installed_package(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from tasks.core.files import shipped; print(shipped(sys.argv[1]));"
        "assert not {'tensorflow', 'tf_keras', 'pydantic'} & set(sys.modules)"
    )
    name = "presets/devices/phone_cpu.yaml"
    here = wheels.run(ROOT, Path(sys.executable).parent, "python", "-c", code, name).stdout.strip()
    assert Path(here) == ROOT / name
    there = Path(wheels.run(tmp_path, installed, str(installed / "python"), "-P", "-c", code, name).stdout.strip())
    assert there.is_relative_to(installed.parent)
    assert there.read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.slow
def test_a_line_without_source_runs_and_serves_on_the_installed_package_alone(folder: Path, installed: Path) -> None:
    """With Prefect's own server and worker. The company's `flows` and `tasks` would end whoever imports them."""
    trimline = str(installed / "trimline")
    said = wheels.run(folder, installed, trimline, "run")
    assert said.stdout.endswith("| bytes |\n|---|\n| 16 |\n\nThe whole report: reports/report.html\n"), said

    (folder / "data/raw/input.txt").write_text("new\n")
    port = str(free_port())
    with processes.started(folder, "env", "-u", "PYTHONPATH", trimline, "serve", "--port", port) as serve:
        processes.wait_until(lambda: "Now type" in serve.output.read_text(), 120, "serve to be ready")
        api = f"PREFECT_API_URL=http://127.0.0.1:{port}/api"
        watched = wheels.run(
            folder, installed, "env", api, "prefect", "deployment", "run", "pipeline/on-demand", "--watch"
        )
        assert "Completed" in watched.stdout, watched
    assert (folder / "late").read_text() == "new\n" * 4
