"""dvc.yaml tells the truth about the code that it runs."""

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.graph_rules import (
    ROOT,
    code_of,
    entries,
    function_of,
    imported_files,
    keyword_paths,
    resolved_stages,
    yaml,
)

STAGES = resolved_stages()
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
every_stage = pytest.mark.parametrize("name", sorted(STAGES))


def command(name: str) -> tuple[str, dict[str, str]]:
    """The module that a stage runs, and its options."""
    words = STAGES[name]["cmd"].split()
    assert words[:2] == ["python", "-m"]
    return words[2], dict(zip(words[3::2], words[4::2], strict=True))


@every_stage
def test_a_stage_runs_the_module_of_its_name(name: str) -> None:
    module, _ = command(name)
    stage, _, key = name.partition("@")
    assert module == f"tasks.{stage}"
    assert command(name)[1].get("--key", "") == key
    assert stage in yaml("params.yaml")
    assert function_of(name).__module__ == module


@every_stage
def test_the_paths_of_the_command_are_the_dependencies_and_outputs(name: str) -> None:
    options = {option: value for option, value in command(name)[1].items() if option != "--key"}
    assert sorted(options) == sorted("--" + path.replace("_", "-") for path in keyword_paths(function_of(name)))
    outputs = entries(STAGES[name], "outs", "metrics", "plots")
    data = {path for path in entries(STAGES[name], "deps") if not path.startswith("tasks/")}
    tracked = {section["tracked"] for section in yaml("params.yaml")["ingest"].values()}
    tracked.add(yaml("params.yaml")["train"]["tracked"])
    assert set(options.values()) - set(outputs) == data - {"requirements.lock"} - tracked | (
        {"requirements.lock"} if name == "release" else set()
    )
    assert set(outputs) <= set(options.values())


@every_stage
def test_the_code_dependencies_are_the_modules_that_are_imported(name: str) -> None:
    stage = name.partition("@")[0]
    dependencies = entries(STAGES[name], "deps")
    declared = {path for path in dependencies if path.startswith("tasks/")}
    if "tasks" in dependencies:  # release takes the digest of all source files: they are its input
        declared |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "tasks").rglob("*.py")}
        assert imported_files([f"tasks/{stage}.py"]) <= declared
        return
    expected, patterns = code_of(stage)
    by_name = {path for path in declared if any(re.fullmatch(pattern, path) for pattern in patterns)}
    assert declared - by_name == expected, f"correct the deps of {stage} in dvc.yaml"
    for pattern in patterns:
        assert [path for path in by_name if re.fullmatch(pattern, path)], f"{stage} lacks what matches {pattern}"
    assert "requirements.lock" in dependencies


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_what_stands_behind_the_names_of_a_preset_is_there(preset: Path) -> None:
    for name, stage in resolved_stages(preset.relative_to(ROOT).as_posix()).items():
        missing = [path for path in entries(stage, "deps") if path.startswith("tasks/") and not (ROOT / path).exists()]
        assert not missing, name


@every_stage
def test_the_params_are_the_sections_that_the_function_takes(name: str) -> None:
    stage, _, key = name.partition("@")
    taken = []
    for parameter in inspect.signature(function_of(name)).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            continue
        section = stage if parameter.name == "params" else parameter.name
        taken += list(yaml("params.yaml")) if section == "line" else [section]
    expected = {f"{section}.{key}" if key and _has_entry(section, key) else section for section in taken}
    assert set(STAGES[name]["params"]) == expected


def _has_entry(section: str, key: str) -> bool:
    value: Any = yaml("params.yaml")[section]
    return isinstance(value, dict) and key in value


@every_stage
def test_every_output_stays_until_it_is_replaced(name: str) -> None:
    for kind in ("outs", "metrics", "plots"):
        for entry in STAGES[name].get(kind, []):
            assert isinstance(entry, dict), f"{entry} lacks persist: true"
            assert all(options["persist"] is True for options in entry.values())


def test_no_output_is_written_by_two_stages() -> None:
    outputs = [path for stage in STAGES.values() for path in entries(stage, "outs", "metrics", "plots")]
    assert len(outputs) == len(set(outputs))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_preset_is_a_complete_params_file(preset: Path) -> None:
    code = f"from tasks.contracts import params_file; from pathlib import Path; params_file.load(Path({str(preset)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
