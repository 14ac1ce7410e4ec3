"""Runs a stage's function from the command line: `python -m tasks.train --data data/ready/base ...`."""

import argparse
import errno
import inspect
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from tasks.contracts import devices, environment, params_file
from tasks.contracts.errors import ParamsError, StageError, TrimlineError
from tasks.contracts.params import Params
from tasks.contracts.progress import say

TRACEBACK_SWITCH = "TRIMLINE_TRACEBACK"


def run(stage: Callable[..., None]) -> NoReturn:
    """Run a stage and exit with its status; every failure is said in one screen.

    The function's positional parameters are sections of `params.yaml` (see `arguments`), and each of its keyword-only
    parameters is a path and a required option. A foreach section is taken at the entry that `--key` names.
    """
    environment.die_with_parent()
    options = _parser(stage).parse_args()
    name = f"{stage.__name__}@{options.key}" if options.key else stage.__name__
    sys.exit(guarded(lambda: _run(stage, name, options.key, vars(options)), name))


def _run(stage: Callable[..., None], name: str, key: str | None, options: dict[str, Any]) -> None:
    line = params_file.load()
    environment.require_locked_versions()
    if "compute" in inspect.signature(stage).parameters:
        environment.set_threads(line.compute.threads, line.compute.onednn)
    with environment.only_one(name):
        stage(*arguments(stage, line, key), **{path: Path(options[path]) for path in paths(stage)})


def arguments(stage: Callable[..., None], line: Params, key: str | None) -> list[Any]:
    """Pick what the stage's positional parameters name.

    `params` is the stage's own section, `line` the whole file, any other name the section of that name.
    """
    values: list[Any] = []
    for name in sections(stage):
        if name == "device":
            values.append(devices.load(Path("presets/devices", f"{line.release.device}.yaml")))
            continue
        value = line if name == "line" else getattr(line, stage.__name__ if name == "params" else name)
        if isinstance(value, dict) and key is not None:
            if key not in value:
                raise ParamsError(got=f"--key {key}", expected=f"one of {sorted(value)}", do="add it to params.yaml")
            value = value[key]
        values.append(value)
    return values


def sections(stage: Callable[..., None]) -> list[str]:
    """Return the names of the stage's positional parameters."""
    parameters = inspect.signature(stage).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]


def paths(stage: Callable[..., None]) -> list[str]:
    """Return the names of the stage's keyword-only parameters."""
    parameters = inspect.signature(stage).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def _parser(stage: Callable[..., None]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m tasks.{stage.__name__}", description=inspect.getdoc(stage))
    parser.add_argument("--key", help="the entry of a foreach section: a role, or a recipe")
    for name in paths(stage):
        parser.add_argument(f"--{name.replace('_', '-')}", required=True, metavar="PATH")
    return parser


def guarded(work: Callable[[], None], name: str) -> int:
    """Do `work` and return the exit status; say a failure in one screen, with a traceback only where asked for."""
    try:
        work()
    except Exception as error:
        if os.environ.get(TRACEBACK_SWITCH):
            traceback.print_exc()
        told = error if isinstance(error, TrimlineError) else _told(error)
        say(f"{name} failed ({type(told).__name__}, exit status {told.exit_status})\n{told}")
        return told.exit_status
    return 0


def _told(error: Exception) -> TrimlineError:
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        free_bytes = shutil.disk_usage(Path.cwd()).free
        return StageError(
            got=f"no space left while writing {error.filename or 'a file'}; {free_bytes:,} bytes are free here",
            expected="room for the stage's output; the artifacts of the last good run are untouched",
            do="free some space (`dvc gc --workspace` drops old artifacts from the cache) and run the command again",
        )
    return StageError(
        got=f"{type(error).__name__}: {error}",
        expected="no such failure: this is a fault of Trimline, or of the machine",
        do=f"run again with {TRACEBACK_SWITCH}=1 to see where it happened, and report it with that text",
    )
