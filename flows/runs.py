"""`trimline runs`: what was tried in this line, a row per commit or experiment, without the columns that say nothing.

    trimline runs [--all] [--commits 5]

DVC has a column for every setting and every file that a stage reads. Here stand the best recipe with its figures, and
the settings in which the rows differ.
"""

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from flows import dvc, subprocesses
from flows.errors import STATUSES, FlowError

FILES = "^(plan|data|models|reports|release|schemas)(/|$)"  # columns of files, which DVC names by their paths
CODE = r"^(tasks|presets/devices|requirements\.lock|environment\.lock)$"
ALWAYS = ("Experiment", "Created")
BEST = "best."
HIDDEN = {"rev", "typ", "parent", "State", "Executor"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit status."""
    options = parse(arguments)
    try:
        rows = experiments(Path.cwd(), options.commits)
    except FlowError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.write(table(rows if options.all else differing(rows)) + "\n")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        prog="trimline runs",
        description="Shows the best recipe of each commit and experiment, and the settings in which they differ.",
        epilog="Example: trimline runs --commits 5\n\n" + STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--all", action="store_true", help="show the settings that are the same in all rows, too")
    parser.add_argument("--commits", type=int, default=1, metavar="N", help="of the last N commits; default 1")
    return parser.parse_args(arguments)


def experiments(root: Path, commits: int) -> list[dict[str, str]]:
    """The rows of `dvc exp show` for the workspace and the last commits, without columns of files.

    Raises:
        CommandFailed: DVC cannot tell.
    """
    words = command(commits)
    text = subprocesses.output("dvc exp show", words, root)
    rows = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        row["Experiment"] = row["Experiment"] or row["rev"]
    return [{name: value for name, value in row.items() if name not in HIDDEN} for row in rows]


def command(commits: int) -> list[str]:
    """The command line of DVC, which people may type, too."""
    return dvc.command("exp", "show", "--csv", "--num", str(commits), "--drop", f"{FILES}|{CODE}")


def differing(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The rows with the columns that differ among them, and those that are always shown.

    What the first row, the workspace, does not have is left out: older commits may have had other metrics.
    """
    names = [name for name in rows[0] if is_shown(name) or (rows[0][name] and len({row[name] for row in rows}) > 1)]
    return [{name: row[name] for name in names} for row in rows]


def is_shown(name: str) -> bool:
    """Whether a column stands there even where all rows have the same in it."""
    return name in ALWAYS or name.startswith(BEST)


def table(rows: Sequence[dict[str, str]]) -> str:
    """The rows as a table for a terminal."""
    shown = [list(rows[0]), *([short(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in shown)


def short(value: str) -> str:
    """A number with five digits, since more say nothing; any other value as it is."""
    try:
        return f"{float(value):.5g}" if "." in value else value
    except ValueError:
        return value


if __name__ == "__main__":
    sys.exit(main())
