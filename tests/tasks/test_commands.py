"""The commands that people run: each has a help with an example and the exit statuses, and returns its status."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

COMMANDS = {
    **{name: f"tasks.commands.{name}:main" for name in ("compare", "params", "predict", "schema", "search", "set")},
    "squeeze": "tasks.commands.squeeze:main",
    "translate": "tasks.commands.predict:translate_main",
}


def main_of(name: str) -> Any:
    module, function = COMMANDS[name].split(":")
    return getattr(import_module(module), function)


@pytest.mark.parametrize("name", COMMANDS)
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
