"""Lines in folders without source: `trimline upgrade` of the installed package makes them and keeps them up to date."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.core.params import Settings
from tasks.line.params import shortened
from tests.flows import wheels
from tests.graph_rules import resolved_stages
from tests.tasks import line

pytestmark = pytest.mark.slow  # two wheels are built and installed; test_package.py has the short proof
EVIL = "raise SystemExit('the code of the folder was imported')\n"
NEWER = "0.2.1"
RECIPES = ("float32", "int8")
STATE = re.compile(r"\.dvc/tmp/|\.trimline/|\.git/")


@dataclass(frozen=True)
class Versions:
    """An environment that the older wheel is installed in, and a newer one that differs in the slimmer."""

    programs: Path
    older: Path
    newer: Path


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    folder = tmp_path_factory.mktemp("versions")
    source = wheels.copy_source(folder / "source")
    older = wheels.build(source, folder / "older")
    project, slimmer = source / "pyproject.toml", source / "tasks/tflite/slim.py"
    project.write_text(re.sub(r'(?m)^version = ".*"$', f'version = "{NEWER}"', project.read_text(), count=1))
    slimmer.write_text(slimmer.read_text() + "\nUNUSED = 1\n")
    newer = wheels.build(source, folder / "newer")
    return Versions(wheels.environment(folder / "environment", older), older, newer)


def params() -> Settings:
    """The tiny line's, with one data set and two recipes, as a user would write it."""
    complete = line.tiny_params()
    complete["ingest"].pop("base")
    complete["preprocess"].pop("base")
    complete["train"] |= {"data": "target", "fit": line.fit(2)}
    complete |= {"fine_tune": None, "cross_validate": None, "search": None}
    complete["compress"] = {recipe: complete["compress"][recipe] for recipe in RECIPES}
    return shortened(complete)


def create(folder: Path) -> Path:
    """A folder with a user's files alone, beside packages of a company that are called like ours."""
    (folder / "incoming").mkdir(parents=True)
    (folder / "incoming/target.csv").write_text("\n".join(line.digits(300, 600)) + "\n")
    (folder / "params.yaml").write_text(f"# of a company\n{json.dumps(params(), indent=1)}")
    for module in ("__init__.py", "plan.py", "core/__init__.py", "commands/__init__.py", "pipeline.py"):
        for package in ("tasks", "flows"):
            (folder / package / module).parent.mkdir(parents=True, exist_ok=True)
            (folder / package / module).write_text(EVIL)
    return folder


@pytest.fixture(scope="module")
def company(versions: Versions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One git repository with two lines, of which the first was upgraded and run up to its baseline."""
    root = tmp_path_factory.mktemp("company")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    first, second = create(root / "lines/first"), create(root / "lines/second")
    before = line.tree(second)
    assert trimline(versions, first, "upgrade", "--check", status=1).stdout.startswith("Trimline 0.2.0 would change: ")
    assert line.tree(first) == before
    assert "will run: this line has not run yet" in trimline(versions, first, "upgrade").stdout
    (first / "schemas/target.json").write_text(json.dumps(line.SCHEMA))
    wheels.run(first, versions.programs, "dvc", "repro", "baseline")
    assert line.tree(second) == before
    return root


def trimline(versions: Versions, folder: Path, *arguments: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
    done = wheels.run(folder, versions.programs, str(versions.programs / "trimline"), *arguments, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def written(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, without what DVC and Trimline note for themselves."""
    return {name: text for name, text in line.tree(folder).items() if not STATE.search(name)}


def test_a_folder_with_parameters_alone_becomes_a_line_that_runs(company: Path) -> None:
    first = company / "lines/first"
    assert json.loads((first / "reports/baseline.json").read_text())
    assert (first / "data/ready/target/dataset.json").is_file()
    assert (first / "params.yaml").read_text().startswith("# of a company\n{")
    lock = (first / "environment.lock").read_text()
    assert "\ntrimline==0.2.0\n" in lock and re.search(r"\nnumpy==[0-9.]+\n", lock) and "\nmlxtend==" in lock
    graph = (first / "dvc.yaml").read_text()
    assert "      - environment.lock\n" in graph and "- tasks\n" not in graph and "requirements.lock" not in graph


def test_git_takes_what_makes_the_line_and_nothing_that_a_stage_writes(company: Path) -> None:
    listed = ["git", "ls-files", "--others", "--exclude-standard", "lines/first"]
    names = subprocess.run(listed, cwd=company, check=True, capture_output=True, text=True).stdout.split()
    found = {name.removeprefix("lines/first/") for name in names}
    assert {"params.yaml", "dvc.yaml", "dvc.lock", "environment.lock", "prefect.yaml", ".dvc/config"} <= found
    assert {"plan/train.json", "schemas/target.json", "schemas/.gitkeep"} <= found
    assert not [name for name in found if name.startswith(("data", "reports", ".trimline", ".dvc/tmp", ".dvc/cache"))]


def test_a_second_upgrade_changes_no_byte_and_says_so(company: Path, versions: Versions) -> None:
    first = company / "lines/first"
    before = written(first)
    assert trimline(versions, first, "upgrade").stdout.startswith("nothing to do: this line is of Trimline 0.2.0\n")
    assert written(first) == before


@pytest.mark.slow
def test_an_edited_graph_is_refused_with_its_lines_and_replaced_only_when_asked_to(
    company: Path, versions: Versions
) -> None:
    folder = shutil.copytree(company / "lines/first", company / "lines/edited")
    own = "  mine:\n    cmd: touch mine\n    outs: [mine]\n"
    graph = (folder / "dvc.yaml").read_text()
    (folder / "dvc.yaml").write_text(graph + own)
    before = written(folder)
    said = trimline(versions, folder, "upgrade", status=78).stderr
    assert "+  mine:" in said and "own/dvc.yaml" in said
    assert written(folder) == before
    trimline(versions, folder, "upgrade", "--replace")
    assert (folder / "dvc.yaml").read_text() == graph and (folder / "dvc.yaml.old").read_text() == graph + own


def finished(folder: Path, versions: Versions) -> Path:
    """Let DVC record every stage as one that has run; the results are files that say nothing."""
    for stage in resolved_stages(str(folder / "params.yaml")).values():
        for output in stage.get("outs", []) + stage.get("metrics", []) + stage.get("plots", []):
            path = folder / (output if isinstance(output, str) else next(iter(output)))
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{path.name}\n")
    wheels.run(folder, versions.programs, "dvc", "commit", "--force")
    return folder


def test_an_upgrade_over_two_versions_runs_what_the_change_can_change(company: Path, versions: Versions) -> None:
    folder = finished(shutil.copytree(company / "lines/first", company / "lines/upgraded"), versions)
    wheels.install(versions.programs, versions.newer)
    try:
        stage = ("stage", "ingest", "--plan", "plan/ingest/target.json", "--raw", "data/raw/target")
        assert "run `trimline upgrade`" in trimline(versions, folder, *stage, status=78).stdout
        assert "run `trimline upgrade`" in trimline(versions, folder, "run", status=78).stderr
        before = written(folder)
        said = trimline(versions, folder, "upgrade").stdout.splitlines()
        status = wheels.run(folder, versions.programs, "dvc", "status", "--json").stdout
    finally:
        wheels.install(versions.programs, versions.older)
    assert said[0].startswith(f"Trimline {NEWER} changes: environment.lock, ")
    run = {words[0] for words in map(str.split, said[1:]) if words[1:3] == ["will", "run:"]}
    follow = {words[0] for words in map(str.split, said[1:]) if words[1:] == ["follows"]}
    exports = {f"export@{recipe}" for recipe in RECIPES}
    assert exports <= run and "module tasks.tflite.slim: changed" in "\n".join(said)
    assert run | follow == exports | {
        *(f"{name}@{recipe}" for name in ("evaluate", "profile") for recipe in RECIPES), "verdict", "report", "release",
    }  # fmt: skip
    assert set(json.loads(status)) == {*run, "release"}  # which depends on all plans, as a manifest names them
    changed = {name for name, text in written(folder).items() if before.get(name) != text}
    assert changed - {"environment.lock", "dvc.lock"} == {f"plan/{name.replace('@', '/')}.json" for name in run}
