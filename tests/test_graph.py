"""dvc.yaml tells the truth about the code that it runs."""

import re
from pathlib import Path

import pytest

from tasks.line import params_file, plan_file
from tasks.plan import ENTRIES, SINGLE
from tests.graph_rules import ROOT, entries, function_of, keyword_paths, plan_path, resolved_stages, yaml

STAGES = resolved_stages()
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
every_stage = pytest.mark.parametrize("name", sorted(STAGES))
planned_stage = pytest.mark.parametrize("name", sorted(STAGES.keys() - {"plan"}))


def command(name: str) -> tuple[str, dict[str, str]]:
    """The stage that a command runs, and its options."""
    words = STAGES[name]["cmd"].split()
    assert words[:2] == ["trimline", "stage"]
    return words[2], dict(zip(words[3::2], words[4::2], strict=True))


def tracked() -> set[str]:
    """What is watched for new data, or a new model."""
    params = yaml("params.yaml")
    return {section["tracked"] for section in params["ingest"].values()} | {params["train"]["tracked"]}


@planned_stage
def test_a_stage_runs_the_module_of_its_name_with_the_plan_of_its_name(name: str) -> None:
    stage, options = command(name)
    assert stage == name.partition("@")[0]
    assert function_of(name).__module__ == f"tasks.{stage}"
    assert options["--plan"] == plan_path(name)


@every_stage
def test_the_paths_of_the_command_are_the_dependencies_and_outputs(name: str) -> None:
    options = command(name)[1]
    own = {option: path for option, path in options.items() if option != "--plan" or name == "plan"}
    assert sorted(own) == sorted("--" + path.replace("_", "-") for path in keyword_paths(function_of(name)))
    outputs = entries(STAGES[name], "outs", "metrics", "plots")
    assert set(outputs) <= set(own.values())
    inputs = set(own.values()) - set(outputs)
    data = set(entries(STAGES[name], "deps")) - {plan_path(name)} - tracked()
    if name == "plan":
        data -= {"tasks", "presets/devices", "requirements.lock"}
    assert all(any(_is_below(path, given) for given in inputs) for path in data), "a dependency that nothing reads"
    assert all(any(_is_below(path, given) for path in data) for given in inputs), "a path that is no dependency"


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


@planned_stage
def test_a_stage_depends_on_its_plan_file_and_on_no_code_or_section(name: str) -> None:
    dependencies = entries(STAGES[name], "deps")
    assert plan_path(name) in dependencies or "plan" in dependencies
    assert not [path for path in dependencies if path.startswith(("tasks", "flows", "params", "requirements"))]
    assert "params" not in STAGES[name]


def test_every_stage_of_the_graph_is_planned_and_no_other() -> None:
    assert {name.partition("@")[0] for name in STAGES} == {*ENTRIES, *SINGLE, "plan"}
    written = {path.relative_to(ROOT).as_posix() for path in (ROOT / "plan").rglob("*.json")}
    assert written == {plan_path(name) for name in STAGES if name != "plan"}


@planned_stage
def test_the_settings_of_a_plan_are_the_sections_that_the_function_takes(name: str) -> None:
    plan = plan_file.load(ROOT / plan_path(name))
    function, stage = function_of(name), name.partition("@")[0]
    taken = [stage if section == "params" else section for section in plan_file.sections_of(function)]
    assert plan.stage == name
    assert list(plan.settings) == taken
    assert len(plan.values(taken)) == len(taken)


@every_stage
def test_every_output_stays_until_it_is_replaced(name: str) -> None:
    for kind in ("outs", "metrics", "plots"):
        for entry in STAGES[name].get(kind, []):
            assert isinstance(entry, dict), f"{entry} lacks persist: true"
            assert all(options["persist"] is True for options in entry.values())


def test_no_output_is_written_by_two_stages() -> None:
    outputs = [path for stage in STAGES.values() for path in entries(stage, "outs", "metrics", "plots")]
    assert len(outputs) == len(set(outputs))


def test_the_graph_fits_on_a_page_and_names_no_module() -> None:
    text = (ROOT / "dvc.yaml").read_text()
    assert len(text.splitlines()) <= 260
    assert not re.search(r"tasks[./][a-z]", text)
    assert len((ROOT / "dvc.lock").read_text().splitlines()) <= 1200


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_preset_is_a_whole_line_of_the_graph(preset: Path) -> None:
    line = params_file.load(preset)
    stages = resolved_stages(preset.relative_to(ROOT).as_posix())
    assert {f"compress@{recipe}" for recipe in line.compress} <= stages.keys()
    assert {f"ingest@{role}" for role in line.ingest} <= stages.keys()
