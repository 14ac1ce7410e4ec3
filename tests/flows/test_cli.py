"""The command line `trimline`, as a process of its own, in folders that it must and must not import from."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows import cli
from tests.flows import toy

EVIL = "raise SystemExit('the code of the folder was imported')"


def trimline(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return toy.run(folder, *toy.TRIMLINE, *arguments, check=False)


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A line's folder with packages of its own that are called like ours, in a git repository."""
    for package in ("tasks", "flows"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(EVIL)
        (tmp_path / package / "cli.py").write_text(EVIL)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "company"\n')
    toy.run(tmp_path, "git", "init", "--quiet")
    return tmp_path


def checkout(folder: Path, says: str) -> Path:
    """The least that counts as a checkout of Trimline, with one command, which prints `says` and its arguments."""
    for name, text in {
        "pyproject.toml": '[project]\nname = "trimline"\n',
        "flows/__init__.py": "",
        "flows/cli.py": (toy.REPOSITORY / "flows/cli.py").read_text(),
        "flows/run.py": f"def main(arguments):\n    print({says!r}, *arguments)\n    return 7\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_help_fits_a_screen_and_names_every_command_and_status(tmp_path: Path) -> None:
    done = trimline(tmp_path, "--help")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) <= 32 and max(map(len, lines)) <= 80
    for name in cli.COMMANDS:
        assert f"\n  {name} " in done.stdout
    for status in (0, 1, 2, 65, 75, 78, 130):
        assert f" {status}  " in done.stdout


def test_an_unknown_command_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    done = trimline(tmp_path, "serch")
    assert done.returncode == 2
    assert "there is no command 'serch'; did you mean 'search'?" in done.stderr
    assert trimline(tmp_path).returncode == 2


def test_nothing_is_imported_before_a_command_is_chosen() -> None:
    code = (
        "import sys; import flows.cli; print(*(name for name in sys.modules if name in {'prefect', 'tasks', 'numpy'}))"
    )
    assert toy.run(toy.REPOSITORY, sys.executable, "-c", code).stdout == "\n"


def test_flows_names_tasks_as_text_alone_and_every_command_of_flows_is_there() -> None:
    entries = [command.entry.partition(":")[0] for command in cli.COMMANDS.values()]
    assert all(importlib.util.find_spec(module) for module in entries if module.startswith("flows."))
    assert {entry.partition(".")[0] for entry in entries} == {"flows", "tasks"}


@pytest.mark.parametrize("name", [name for name, command in cli.COMMANDS.items() if command.entry.startswith("flows.")])
def test_every_command_of_flows_has_help_with_an_example_and_its_statuses(name: str, tmp_path: Path) -> None:
    done = trimline(tmp_path, name, "--help")
    assert done.returncode == 0
    assert f"usage: trimline {name}" in done.stdout
    assert "Example: " in done.stdout and "exit status: 0" in done.stdout


def test_code_of_the_folder_is_never_imported_where_it_is_no_checkout(company: Path) -> None:
    done = trimline(company, "run", "--help")
    assert done.returncode == 0
    assert "usage: trimline run" in done.stdout


def test_a_checkout_runs_its_own_code_also_from_a_folder_inside(tmp_path: Path) -> None:
    root = checkout(tmp_path / "checkout", "this code runs:")
    toy.run(root, "git", "init", "--quiet")
    (root / "lines/digits").mkdir(parents=True)
    for folder in (root, root / "lines/digits"):
        done = trimline(folder, "run", "--no-pull", "a b")
        assert (done.returncode, done.stdout) == (7, "this code runs: --no-pull a b\n")


def test_a_checkout_outside_of_the_git_repository_does_not_count(tmp_path: Path) -> None:
    checkout(tmp_path, "this code must not run:")
    line = tmp_path / "line"
    line.mkdir()
    assert cli.checkout_of(line) is None  # no git at all: somebody may have put the checkout into a shared folder
    toy.run(line, "git", "init", "--quiet")
    assert cli.checkout_of(line) is None
    assert cli.checkout_of(tmp_path) == tmp_path


def test_a_command_line_for_children_runs_the_code_that_runs_now(company: Path) -> None:
    command = cli.command_line(toy.REPOSITORY, ["run", "--help"])
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=company, env=environment, capture_output=True, text=True, check=True)
    assert "usage: trimline run" in done.stdout
