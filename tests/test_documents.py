"""README and docs agree with the code: counts, lists, the graph, links, what a reader types."""

import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from flows.cli import COMMANDS, STATUSES
from tasks.line import params_file
from tests.graph_rules import ROOT, entries, resolved_stages, yaml
from tests.test_repository import dvc, tracked_files

README = (ROOT / "README.md").read_text()
COMING_FROM = (ROOT / "docs/how-to/coming-from.md").read_text()
Edges = set[tuple[str, str]]


def drawn_by_dvc() -> Edges:
    """The edges of DVC's drawing, one node a stage."""
    drawn = dvc("dag", "--mermaid", "--collapse-foreach-matrix")
    names = dict(re.findall(r'(node\d+)\["(\w+)"\]', drawn))
    return {(names[start], names[end]) for start, end in re.findall(r"(node\d+)-->(node\d+)", drawn)}


def reduced(edges: Edges) -> Edges:
    """The edges that do not follow from others."""
    reached = {start: {end for first, end in edges if first == start} for edge in edges for start in edge}
    for middle, further in reached.items():
        for ends in reached.values():
            ends.update(further if middle in ends else ())
    return {
        (start, end)
        for start, end in edges
        if not any(end in reached[between] for first, between in edges if first == start and between != end)
    }


def rows_below(header: str) -> list[list[str]]:
    """The cells of a table of the README, by the beginning of its header."""
    lines = README[README.index(header) :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def test_the_readme_is_short_and_its_lines_fit() -> None:
    assert len(README.splitlines()) <= 130
    assert max(len(line) for line in README.splitlines() if not line.startswith(("|", "!", "- **"))) <= 135


def test_the_readme_draws_the_graph_that_dvc_has_without_edges_that_follow_from_others() -> None:
    lines = README.split("```mermaid\n")[1].split("```")[0].splitlines()[1:]
    chains = [[name.strip() for name in line.split("-->")] for line in lines]
    drawn = [edge for chain in chains for edge in pairwise(chain)]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == reduced(drawn_by_dvc())


def test_the_readme_lists_each_stage_once_with_what_it_writes() -> None:
    rows = rows_below("| stage | does | writes |")
    stages = resolved_stages()
    assert [name.strip("`") for name, _, _ in rows] == list(dict.fromkeys(name.split("@")[0] for name in stages))
    for name, _, writes in rows:
        written = re.findall(r"`([^`]+)`", writes)
        for stage, entry in stages.items():
            if stage.split("@")[0] == name.strip("`"):
                outs = [str(path) for path in entries(entry, "outs", "metrics", "plots")]
                assert all(any(re.match(_pattern(one), out) for out in outs) for one in written), stage


def _pattern(written: str) -> str:
    """What the README writes as a path: the last part alone where it follows others of its folder."""
    path = re.escape(written.rstrip("/")).replace("<role>", r"\w+").replace("<recipe>", r"\w+")
    return path if "/" in written else f"(reports/)?{path}"


def test_the_readme_names_every_command() -> None:
    cells = " ".join(cell for cell, _ in rows_below("| command | does |"))
    named = {word.split()[-1] if word.startswith("trimline") else word for word in re.findall(r"`([^`]+)`", cells)}
    named |= {word.split()[1] for word in re.findall(r"`(trimline [^`]+)`", cells)}
    assert set(COMMANDS) <= named


def test_the_readme_counts_the_kinds_and_lists_them() -> None:
    kinds = {path.parent.name.replace("_", " ") for path in (ROOT / "tasks/kinds").glob("*/data.py")}
    counts = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    sentence = re.search(r"The (\w+) kinds of work are (.+?) \(", README.replace("\n", " "))
    assert sentence and sentence[1] == counts[len(kinds)]
    assert set(re.split(r", | and ", sentence[2])) == kinds


def test_the_readme_states_every_exit_status() -> None:
    told = README[README.index("**Exit status**") :].split("\n- ")[0].split("\n\n")[0]
    for status in re.findall(r"^ +(\d+)  ", STATUSES, re.MULTILINE):
        assert status == "2" or re.search(rf"\b{status}\b", told), status


def test_the_results_table_of_the_readme_has_five_columns_and_the_recipes_of_the_line() -> None:
    rows = rows_below("| recipe ")
    assert [row[0] for row in rows] == list(yaml("params.yaml")["compress"])
    assert {len(row) for row in rows} == {5}
    assert "comparing" not in README and f"compares {_word(len(rows))} recipes" in README


def _word(count: int) -> str:
    return ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")[count]


def test_the_picture_of_the_readme_is_small() -> None:
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert (ROOT / picture).stat().st_size < 200_000


def test_the_index_links_every_page_of_the_documentation() -> None:
    index = (ROOT / "docs/README.md").read_text()
    linked = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#]+)", index)}
    pages = {path.resolve() for path in (ROOT / "docs").rglob("*.md")} - {(ROOT / "docs/README.md").resolve()}
    decisions = (ROOT / "docs/decisions").resolve()
    assert {page for page in pages if page.parent != decisions} <= linked and decisions in linked


def test_links_in_the_documentation_lead_somewhere() -> None:
    for path in [ROOT / name for name in tracked_files() if name.endswith(".md")]:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_settings_of_the_page_for_other_tools_are_settings_of_a_line(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n(.+?)```", COMING_FROM, re.DOTALL)
    text = (ROOT / "params.yaml").read_text()
    before, rest = text.split("compress:\n", 1)
    after = rest[rest.index("\nexport:") :]
    (tmp_path / "params.yaml").write_text(before + shown + after)
    line = params_file.load(tmp_path / "params.yaml")
    assert [step.step for step in line.compress["pqat"].steps] == ["prune", "quantize_aware"]


@pytest.mark.parametrize("command", re.findall(r"^trimline set .+$", COMING_FROM, re.MULTILINE))
def test_commands_of_the_page_for_other_tools_change_settings(tmp_path: Path, command: str) -> None:
    for name in ("params.yaml", "dvc.yaml", "requirements.lock"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    words = shlex.split(command)
    subprocess.run(["python", "-m", "tasks.commands.set", *words[2:]], cwd=tmp_path, check=True, env=_environment())
    line = params_file.load(tmp_path / "params.yaml").model_dump(mode="json")
    for word in words[2:]:
        key, _, value = word.partition("=")
        found = line
        for part in key.split("."):
            found = found[part]
        assert value == "{}" or str(found) == value.strip(chr(34))


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(ROOT)}
