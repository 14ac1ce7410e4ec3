"""The command line `trimline`: a table of commands, none of which is imported before it is chosen.

    trimline COMMAND ...

In a checkout of Trimline, or in a clean clone of one, the code of that checkout runs, whichever installation was
started: a run is of one commit. Anywhere else the installed package runs, and nothing is imported from the folder, so
that a folder may have packages `tasks` or `flows` of its own.
"""

import argparse
import difflib
import os
import sys
import tomllib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

PROJECT = "trimline"
PACKAGE_ROOT = Path(__file__).resolve().parents[1]  # the checkout, or site-packages
# In site-packages nothing is put in front: a package there must not hide a module of the standard library.
START = """
import sys
root = sys.argv.pop(1)
if root not in sys.path: sys.path.insert(0, root)
from flows.cli import main
sys.exit(main())
"""


class Command(NamedTuple):
    """Where a command is, as module:function, and what it does."""

    entry: str
    does: str


COMMANDS = {
    "new": Command("flows.new:main", "make a line of your data, in a folder of its own"),
    "run": Command("flows.run:main", "run every out-of-date stage, then print the results"),
    "serve": Command("flows.serve:main", "start a Prefect server and a worker for this folder"),
    "worker": Command("flows.serve:worker_main", "run flows here for a Prefect server elsewhere"),
    "stage": Command("tasks.commands.stage:main", "run one stage; this is what dvc.yaml calls"),
    "why": Command("flows.why:main", "say why a stage is out of date"),
    "runs": Command("flows.runs:main", "compare what was tried, a row per commit or experiment"),
    "params": Command("tasks.commands.params:main", "print all settings, defaults included"),
    "set": Command("tasks.commands.set:main", "change settings in params.yaml"),
    "schema": Command("tasks.commands.schema:main", "record the schema of a data set"),
    "predict": Command("tasks.commands.predict:main", "ask a released model"),
    "translate": Command("tasks.commands.predict:translate_main", "translate with a released model, by beam search"),
    "squeeze": Command("tasks.commands.squeeze:main", "compress a model of yours without training"),
    "search": Command("tasks.commands.search:main", "search for the smallest recipe within bounds"),
    "release": Command("tasks.commands.release:main", "take a candidate at your own risk"),
    "compare": Command("tasks.commands.compare:main", "compare a new release with the current one"),
    "upgrade": Command("flows.upgrade:main", "bring a folder to the installed version of Trimline"),
}
# What one command starts of another, and nobody types: flows and tasks do not import each other.
INTERNAL = {
    "line-files": Command("tasks.commands.line_files:main", "write what `upgrade` compares a folder with"),
    "new-files": Command("tasks.commands.new:main", "look at data, and write what `new` makes a line of"),
}
# kill -9 of DVC must not leave a trainer behind.
END_WITH_THEIR_PARENT = {"stage", "search"}
STATUSES = """\
exit status:
    0  success
    1  failed; the message says why
    2  unknown command or option
   65  bad input data
   75  temporary failure, retry
   78  bad configuration
  130  stopped, by Ctrl-C or SIGTERM"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names with the other arguments; returns its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    checkout = checkout_of(Path.cwd())
    if checkout is not None and not checkout.samefile(PACKAGE_ROOT):
        start_again(checkout, given)
    command = chosen(given)
    if not command.entry.startswith("tasks."):
        return run(command, given)
    # The libraries of these hold native code: what it crashes on must not decide on the exit status.
    watched = import_module("tasks.core.watch").watched
    status: int = watched(
        lambda: run(command, given), " ".join(given[:2]), with_parent=given[0] in END_WITH_THEIR_PARENT
    )
    return status


def run(command: Command, given: Sequence[str]) -> int:
    """Run a command with the words behind its name; returns its exit status."""
    module, _, function = command.entry.partition(":")
    try:
        status: int = getattr(import_module(module), function)(given[1:])
    except KeyboardInterrupt:
        return 130
    return status


def chosen(arguments: Sequence[str]) -> Command:
    """The command that the first argument names; ends the process with 0 for `--help`, with 2 for an unknown name."""
    parser = argparse.ArgumentParser(
        prog=PROJECT,
        usage="trimline COMMAND ...",
        description=listing(),
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    if arguments and arguments[0] in {"-h", "--help"}:
        parser.print_help()
        sys.exit(0)
    if not arguments:
        parser.print_help(sys.stderr)
        sys.exit(2)
    known = COMMANDS | INTERNAL
    if arguments[0] not in known:
        parser.error(unknown(arguments[0]))
    return known[arguments[0]]


def listing() -> str:
    """What Trimline does, and each command in one line."""
    commands = "\n".join(f"  {name:10} {command.does}" for name, command in COMMANDS.items())
    return (
        "Turns raw data into a small, verified .tflite model, and keeps it up to date.\n\n"
        f"commands (`trimline COMMAND --help` shows the options, with an example):\n{commands}"
    )


def unknown(name: str) -> str:
    """A message for a name that no command has, with the nearest one that there is."""
    near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]!r}?" if near else f"the commands are {', '.join(COMMANDS)}"
    return f"there is no command {name!r}; {meant}"


def checkout_of(folder: Path) -> Path | None:
    """The checkout of Trimline that `folder` lies in, looked for up to the root of its git repository."""
    folders = [folder, *folder.parents]
    root = next((index for index, each in enumerate(folders) if (each / ".git").exists()), 0)
    return next((each for each in folders[: root + 1] if is_checkout(each)), None)


def is_checkout(folder: Path) -> bool:
    """Whether `folder` has this project's source, rather than a project that only uses it."""
    if not (folder / "flows" / "cli.py").is_file() or not (folder / "pyproject.toml").is_file():
        return False
    return bool(project_of(folder / "pyproject.toml").get("name") == PROJECT)


def version_of(file: Path) -> str:
    """The version of the project that a pyproject.toml describes."""
    return str(project_of(file).get("version"))


def project_of(file: Path) -> dict[str, Any]:
    """What a pyproject.toml says of its project."""
    found: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    return found


def command_line(root: Path, arguments: Sequence[str]) -> list[str]:
    """The command line that runs `trimline ARGUMENTS` with the packages that lie in `root`."""
    return [sys.executable, "-P", "-c", START, str(root), *arguments]


def start_again(checkout: Path, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by one that runs the same command with the code of `checkout`."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, command_line(checkout, arguments))


if __name__ == "__main__":
    sys.exit(main())
