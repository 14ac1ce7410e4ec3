"""The commands that people run: each has a help with an example and the exit statuses, and returns its status."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from flows.cli import COMMANDS

OF_TASKS = sorted(name for name, command in COMMANDS.items() if command.entry.startswith("tasks.") and name != "stage")


def main_of(name: str) -> Callable[[list[str]], int]:
    """The function that the command line `trimline` calls for a command."""
    module, _, function = COMMANDS[name].entry.partition(":")
    found: Callable[[list[str]], int] = getattr(import_module(module), function)
    return found


@pytest.mark.parametrize("name", OF_TASKS)
def test_the_help_has_an_example_and_every_exit_status(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main_of(name)(["--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"usage: trimline {name}" in shown and f"example:\n  trimline {name}" in shown
    assert all(f"\n  {status:2}  " in shown for status in (0, 1, 65, 75, 78))


def test_a_command_returns_the_status_of_its_failure(tmp_path: Path) -> None:
    assert main_of("predict")([str(tmp_path), "0.png"]) == 65
    assert main_of("set")(["params.yaml", "train.no_such_key=1"]) == 78
