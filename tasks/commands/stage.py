"""Runs a stage's function from the command line: `trimline stage train --plan plan/train.json --data ...`.

Exit status: 0 success, 1 the stage failed, 65 bad input data, 75 temporary failure (run it again), 78 the parameters,
the plan or the environment.
"""

import argparse
import errno
import inspect
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tasks.commands import STATUSES
from tasks.core import environment
from tasks.core.errors import ParamsError, StageError, TrimlineError
from tasks.core.progress import say
from tasks.line import params_file, plan_file

USAGE = """\
usage: trimline stage NAME --plan FILE [--OPTION PATH ...]

Run one stage. `dvc repro NAME` does this where the stage is out of date; dvc.yaml has the options of each.

example:
  trimline stage plan --schemas schemas --plan plan
"""
TRACEBACK_SWITCH = "TRIMLINE_TRACEBACK"
PLAN = "plan"  # the stage that writes the plan files, and the option that names one


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stage that the first word names; every failure is reported in one screen.

    A stage is a function of its module's name. Its positional parameters are sections of the settings, which its plan
    file has (`params` is the stage's own section), and each of its keyword-only parameters is a path and a required
    option. The stage `plan` alone reads `params.yaml`.

    Returns:
        The exit status.
    """
    environment.die_with_parent()
    words = list(sys.argv[1:] if arguments is None else arguments)
    names = stage_names()
    if not words or words[0] not in names:
        say(f"{USAGE}\nNAME is one of {', '.join(names)}\n\n{STATUSES}")
        return 0 if words[:1] in (["-h"], ["--help"]) else 2
    stage = function_of(words[0])
    options = vars(_parser(stage).parse_args(words[1:]))
    return guarded(lambda: _run(stage, options), _shown_name(stage, options))


def stage_names() -> list[str]:
    """Return the names of all stages: a stage is a module of `tasks` with a function of its name."""
    folder = Path(__file__).parents[1]
    return sorted(path.stem for path in folder.glob("[a-z]*.py"))


def function_of(name: str) -> Callable[..., None]:
    """Return the function of a stage."""
    found: Callable[..., None] = getattr(import_module(f"tasks.{name}"), name)
    return found


def _shown_name(stage: Callable[..., None], options: dict[str, Any]) -> str:
    """Return the stage's name with its key, which is the name of a plan file in a folder of the stage's name."""
    path = Path(options[PLAN])
    return f"{stage.__name__}@{path.stem}" if path.parent.name == stage.__name__ else stage.__name__


def _run(stage: Callable[..., None], options: dict[str, Any]) -> None:
    name, given = _shown_name(stage, options), {path: Path(options[path]) for path in paths(stage)}
    environment.require_upgraded()
    if stage.__name__ == PLAN:
        environment.require_locked_versions()
        with environment.only_one(name):
            stage(params_file.load(), **given)
        return
    plan = plan_file.load(Path(options[PLAN]))
    if plan.stage != name:
        raise ParamsError(
            got=f"{options[PLAN]}, the plan of {plan.stage}, for {name}", expected=f"the plan file of {name}",
            do="run the stage with `dvc repro`, or pass --plan as dvc.yaml does",
        )  # fmt: skip
    plan_file.require_current(plan)
    os.environ[environment.PLAN_DIGEST] = plan.conditions_sha256()  # for checkpoints, and inherited by workers
    values = dict(zip(plan_file.sections_of(stage), plan.values(_names(stage)), strict=True))
    if "compute" in values:
        environment.set_threads(values["compute"].threads, values["compute"].onednn)
    with environment.only_one(name):
        stage(*values.values(), **given)


def _names(stage: Callable[..., None]) -> list[str]:
    return [stage.__name__ if name == "params" else name for name in plan_file.sections_of(stage)]


def paths(stage: Callable[..., None]) -> list[str]:
    """Return the names of the stage's keyword-only parameters."""
    parameters = inspect.signature(stage).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def _parser(stage: Callable[..., None]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"trimline stage {stage.__name__}", description=inspect.getdoc(stage))
    for name in dict.fromkeys((PLAN, *paths(stage))):
        parser.add_argument(f"--{name.replace('_', '-')}", required=True, metavar="PATH")
    return parser


def guarded(work: Callable[[], None], name: str) -> int:
    """Do `work` and return the exit status; report a failure in one screen, with a traceback only on request."""
    try:
        work()
    except Exception as error:
        if os.environ.get(TRACEBACK_SWITCH):
            traceback.print_exc()
        known = error if isinstance(error, TrimlineError) else _as_trimline_error(error)
        say(f"{name} failed ({type(known).__name__}, exit status {known.exit_status})\n{known}")
        return known.exit_status
    return 0


def _as_trimline_error(error: Exception) -> TrimlineError:
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        free_bytes = shutil.disk_usage(Path.cwd()).free
        return StageError(
            got=f"no space left while writing {error.filename or 'a file'}; {free_bytes:,} bytes are free here",
            do="free some space (`dvc gc --workspace` drops old artifacts from the cache) and run the command again; "
            "the artifacts of the last good run are untouched",
        )
    return StageError(
        got=f"{type(error).__name__}: {error}",
        do=f"this is a fault of Trimline or of the machine: run with {TRACEBACK_SWITCH}=1 and report the traceback",
    )


if __name__ == "__main__":
    sys.exit(main())
