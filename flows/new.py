"""Makes a line of a folder, an archive or a file of data: `trimline new flowers photos.zip`.

It looks at the data, says what it saw, asks what it cannot tell, and makes a folder with `params.yaml`, the schema and
the data under DVC. All is made in a folder beside first, so that a failure leaves nothing behind; nothing outside of
the new folder changes. `trimline run` in it then trains, measures and releases a model.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flows import dvc, subprocesses
from flows.errors import STATUSES, CommandFailed, FlowError, Refused
from flows.upgrade import PLACEHOLDER

FACTS = "new.json"
ROLE = "target"
OPTIONS = {
    "kind": "what to learn: image_classification, text_classification, regression, tabular_classification, "
    "recommendation, translation",
    "target": "column that is predicted: its name, or its number from 0 in a file without names",
    "text": "column of the texts; for pairs of sentences, of the translations",
    "label": "column of the classes of texts",
    "source": "column of the sentences that are translated",
    "user": "column that says who rated",
    "item": "column that says what was rated",
    "rating": "column that says how high",
    "time": "column that says when, by which rows are split; none for no such split",
    "group": "column whose equal values stay in one split, such as a patient; none for no such column",
    "class-folder": "which of several folders above a picture is its class: first or last",
    "encoding": "of text files, such as cp1251; without it UTF-8, UTF-16 and Windows-1252 are told apart",
    "task-purpose": "what the model is for, a sentence for its card",
    "max-size": "bytes of the released file, at most; without it no size is a reason to refuse",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline new`; returns the exit status."""
    options = parsed(arguments)
    try:
        new(Path(options.name), Path(options.data), given(options))
    except CommandFailed as failure:
        if failure.tail:  # without one, the command has said on the terminal what was wrong
            sys.stderr.write(f"\n{failure}\n")
        return failure.exit_status
    except FlowError as error:
        sys.stderr.write(f"\n{error}\n")
        return error.exit_status
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        prog="trimline new", description=__doc__,
        epilog=f"Example: trimline new prices houses.csv --target price\n\n{STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("name", metavar="NAME", help="the new folder; its last part names the model")
    parser.add_argument("data", metavar="DATA", help="a folder, an archive (zip, tar) or a file")
    parser.add_argument("--yes", action="store_true", help="ask nothing; take what the data say, or refuse")
    for name, does in OPTIONS.items():
        parser.add_argument(f"--{name}", help=does)
    return parser.parse_args(arguments)


def given(options: argparse.Namespace) -> list[str]:
    """Return the options about the data as they were given, for the command that looks at these."""
    values = {name: getattr(options, name.replace("-", "_")) for name in OPTIONS}
    found = [f"--{name}={value}" for name, value in values.items() if value is not None]
    return [*found, "--yes"] if options.yes else found


def new(folder: Path, data: Path, options: list[str]) -> None:
    """Make the line, and say what comes next.

    Raises:
        Refused: the folder exists, or lies in the data.
        CommandFailed: the data cannot be read, or nothing says what to learn from them.
    """
    folder, data = folder.absolute(), data.expanduser().absolute()
    require_free(folder, data)
    with staged_beside(folder) as staged:
        look(data, staged, folder.name, options)
        facts = json.loads((staged / FACTS).read_text(encoding="utf-8"))
        (staged / FACTS).unlink()
        subprocesses.output("new", subprocesses.trimline("line-files", "."), staged)
        (staged / PLACEHOLDER).parent.mkdir()
        (staged / PLACEHOLDER).touch()
        staged.replace(folder)
    try:
        prepare(folder, facts["tracked"])
    except BaseException:
        shutil.rmtree(folder)  # half a line would be in the way of the next try
        raise
    say_next(folder, facts)


def require_free(folder: Path, data: Path) -> None:
    """Refuse a folder that exists, or that would become part of its own data."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"got:      {folder}, which exists\nto do:    name a new folder, or remove this one")
    if data.is_dir() and folder.is_relative_to(data):
        raise Refused(f"got:      a new folder inside of the data, {data}\nto do:    name a folder elsewhere")


@contextmanager
def staged_beside(folder: Path) -> Iterator[Path]:
    """Yield a folder on the same file system as the new one; what is left in it at the end is removed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        staged.chmod(0o755)
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def look(data: Path, staged: Path, name: str, options: list[str]) -> None:
    """Let the part that knows data look at them; it speaks to the person at the terminal itself."""
    command = subprocesses.trimline("new-files", str(data), str(staged), "--name", name, *options)
    status = subprocess.run(command, env=subprocesses.environment(), check=False).returncode
    if status:
        raise CommandFailed("new", status, [])


def prepare(folder: Path, tracked: str) -> None:
    """Put the data under DVC, bring them in, record their schema, plan."""
    if not any((each / ".git").exists() for each in (folder, *folder.parents)):
        subprocesses.output("git init", ["git", "init", "--quiet"], folder)
    subprocesses.output("dvc add", dvc.command("add", "--quiet", tracked), folder)
    plan = subprocesses.trimline("stage", "plan", "--schemas", "schemas", "--plan", "plan")
    subprocesses.output("plan", plan, folder)  # not by DVC, which plans again when there is a schema
    run(folder, f"ingest@{ROLE}")
    subprocesses.output("schema", subprocesses.trimline("schema", ROLE), folder)
    run(folder, "plan")


def run(folder: Path, stage: str) -> None:
    """Run a stage that takes seconds."""
    for _ in dvc.reproduce(folder, stage):
        pass


def say_next(folder: Path, facts: dict[str, list[float]]) -> None:
    """Say what was made, how long a run takes, and what to type."""
    least, most = (max(1, round(minutes)) for minutes in facts["minutes"])
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    sys.stdout.write(
        f"made {shown}: params.yaml has every choice, schemas/{ROLE}.json what the data look like\n"
        f"a run will take about {least} to {most} minutes on two free cores\n"
        f"next: cd {shown} && {program()} run\n"
    )


def program() -> str:
    """Return what to type for this program: its path where `make` has started it, whose PATH ends with it."""
    return str(Path(sys.executable).parent / "trimline") if "MAKELEVEL" in os.environ else "trimline"


if __name__ == "__main__":
    sys.exit(main())
