"""Brings the folder of a line to the version of Trimline that is installed: `trimline upgrade`.

It writes the files that the version gives a line (`dvc.yaml`, `environment.lock`, those that are missing), plans, and
says which stages will run and why. It keeps the values of `params.yaml`, the schemas, `dvc.lock` and all data; it
trains nothing. What would be written is made in a folder of its own first, so that a failure leaves the line as it was.
"""

import argparse
import difflib
import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from flows import cli, dvc, subprocesses, why
from flows.errors import STATUSES, FlowError, Refused

GRAPH, LOCK, PARAMS = "dvc.yaml", "environment.lock", "params.yaml"
REPLACED = (PARAMS, GRAPH, LOCK)
IF_MISSING = ("prefect.yaml", "prefect.toml", ".dvc/.gitignore")
EXTENDED = (".gitignore", ".dvcignore")  # lines that are missing are added
SETTINGS = ".dvc/config"
PLACEHOLDER = "schemas/.gitkeep"  # `plan` depends on the folder, and git keeps no empty one
COPY = "dvc.yaml.old"
WRITTEN = re.compile(rf"^# {re.escape(GRAPH)}: sha256 ([0-9a-f]{{64}})$", re.MULTILINE)
SHOWN_REASONS = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline upgrade`; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="trimline upgrade", description=__doc__,
        epilog=f"Example: trimline upgrade --check\n\n{STATUSES};\n1 with --check: something would change",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 if something would change")
    parser.add_argument("--replace", action="store_true", help=f"replace an edited {GRAPH}; {COPY} has what it was")
    options = parser.parse_args(arguments)
    try:
        return upgrade(Path.cwd(), check=options.check, replace=options.replace)
    except FlowError as error:
        sys.stderr.write(f"\n{error}\n")
        return error.exit_status


def upgrade(root: Path, *, check: bool, replace: bool) -> int:
    """Upgrade the line in `root`, and say what was done; returns the exit status.

    Raises:
        Refused: there is no line here, or its dvc.yaml was edited.
    """
    if not (root / PARAMS).is_file():
        raise Refused(
            f"got:      no {PARAMS} in {root}\nexpected: the folder of a line\n"
            f"to do:    go to that folder, or copy a preset to {PARAMS} for a new line"
        )
    with tempfile.TemporaryDirectory(prefix="trimline-") as folder:
        staged = Path(folder)
        subprocesses.output("upgrade", subprocesses.trimline("line-files", str(staged)), root)
        if cli.is_checkout(root):
            return in_checkout(root, staged, check=check)
        require_git(root)
        files = changed_files(root, staged)
        require_unedited(root, staged, files, replace=replace)
        plan(root, staged)
        outdated = {**files, **changed_plan(root, staged)}
        runs = list(what_runs(root, staged))  # before the plan of the last run is written over
        sys.stdout.write("\n".join([said(outdated, check=check), *runs, ""]))
        if not check:
            write(root, files)
            replan(root, staged)
        return int(check and bool(outdated))


def installed_version() -> str:
    """Return the version of the code that runs."""
    project = cli.PACKAGE_ROOT / "pyproject.toml"
    return cli.version_of(project) if project.is_file() else metadata.version(cli.PROJECT)


def require_upgraded(root: Path) -> None:
    """Refuse a line that was upgraded to another version than the one that runs.

    Raises:
        Refused: `environment.lock` names another version.
    """
    lines = (root / LOCK).read_text(encoding="utf-8").splitlines() if (root / LOCK).is_file() else []
    start = f"{cli.PROJECT}=="
    pinned = next((line.removeprefix(start).strip() for line in lines if line.startswith(start)), None)
    if pinned not in {None, installed_version()}:
        raise Refused(
            f"got:      Trimline {installed_version()}, and a line of version {pinned} ({LOCK})\n"
            "expected: a line that was brought to the installed version\n"
            f"to do:    run `trimline upgrade` here, or install version {pinned} again"
        )


def in_checkout(root: Path, staged: Path, *, check: bool) -> int:
    """Upgrade the line that a checkout is: git brings its files, but `params.yaml` may be of the version before."""
    if (root / PARAMS).read_bytes() == (staged / PARAMS).read_bytes():
        sys.stdout.write(
            f"nothing to do: this is a checkout of Trimline {installed_version()}, and git has its files\n"
        )
        return 0
    if not check:
        (root / PARAMS).write_bytes((staged / PARAMS).read_bytes())
    sys.stdout.write(
        f"{said({PARAMS: b''}, check=check)}\n`dvc repro` plans, and `trimline why STAGE` says what runs\n"
    )
    return int(check)


def require_git(root: Path) -> None:
    """Refuse a folder outside of git, which DVC, `why` and `retrain` need."""
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        raise Refused(
            f"got:      no git repository in {root} or above it\nexpected: a line under version control\n"
            "to do:    run `git init`, then the same command again"
        )


def changed_files(root: Path, staged: Path) -> dict[str, bytes]:
    """Return what will be written beside the plan, by path: the content of each file that differs or is missing."""
    wanted = {name: (staged / name).read_bytes() for name in REPLACED}
    wanted |= {name: (staged / name).read_bytes() for name in IF_MISSING if not (root / name).exists()}
    wanted |= {name: extended(root / name, staged / name) for name in EXTENDED}
    settings = why.content(root / SETTINGS)
    if b"[core]" not in settings:
        wanted[SETTINGS] = (staged / SETTINGS).read_bytes() + settings
    if not any((root / "schemas").glob("*")):
        wanted[PLACEHOLDER] = b""
    return {
        name: text for name, text in wanted.items() if not (root / name).is_file() or why.content(root / name) != text
    }


def extended(path: Path, wanted: Path) -> bytes:
    """Return the lines of a file, and below them those that it lacks."""
    present = why.content(path).decode()
    if not present:
        return wanted.read_bytes()
    known = set(present.splitlines())
    missing = [line for line in wanted.read_text().splitlines() if line and line[0] != "#" and line not in known]
    return "\n".join([present.rstrip("\n"), *missing, ""]).encode() if missing else present.encode()


def require_unedited(root: Path, staged: Path, files: dict[str, bytes], *, replace: bool) -> None:
    """Let no edit of `dvc.yaml` be lost: refuse, or keep a copy.

    What `upgrade` has written is known by its digest in `environment.lock`. A file from before the first upgrade is
    copied without asking, as one is that shall be replaced.

    Raises:
        Refused: the file was edited since the last upgrade; the message has the lines.
    """
    present = why.content(root / GRAPH)
    recorded = WRITTEN.search(why.content(root / LOCK).decode())
    if GRAPH not in files or not present or (recorded and recorded[1] == hashlib.sha256(present).hexdigest()):
        return
    if recorded and not replace:
        differing = difflib.unified_diff(
            (staged / GRAPH).read_text().splitlines(), present.decode().splitlines(), "of this version", "here", n=0,
            lineterm="",
        )  # fmt: skip
        raise Refused(
            f"got:      a {GRAPH} that was edited since the last upgrade:\n"
            + "\n".join(f"  {line}" for line in list(differing)[: subprocesses.TAIL_LINES])
            + f"\nexpected: the {GRAPH} of one version, whose own stages `upgrade` can replace\n"
            f"to do:    move stages of your own to a dvc.yaml in a folder below, such as own/dvc.yaml; then run "
            f"`trimline upgrade --replace`, which keeps {COPY}"
        )
    files[COPY] = present


def plan(root: Path, staged: Path) -> None:
    """Write the plan of the upgraded line into the staging folder."""
    (staged / "schemas").mkdir()
    for schema in sorted((root / "schemas").glob("*.json")):
        shutil.copyfile(schema, staged / "schemas" / schema.name)
    command = subprocesses.trimline("stage", "plan", "--schemas", "schemas", "--plan", "plan")
    subprocesses.output("plan", command, staged)


def changed_plan(root: Path, staged: Path) -> dict[str, bytes]:
    """Return the plan files that will differ, by path; those that will go have no content."""
    now, before = why.plan_files(staged), why.plan_files(root)
    return {name: now.get(name, b"") for name in sorted(now.keys() | before) if now.get(name) != before.get(name)}


def said(outdated: dict[str, bytes], *, check: bool) -> str:
    """Say which files change."""
    if not outdated:
        return f"nothing to do: this line is of Trimline {installed_version()}"
    files = [name for name in outdated if not name.startswith("plan/")]
    plans = len(outdated) - len(files)
    parts = files + ([f"{plans} plan file{'s' * (plans > 1)}"] if plans else [])
    return f"Trimline {installed_version()} {'would change' if check else 'changes'}: {', '.join(parts)}"


def write(root: Path, files: dict[str, bytes]) -> None:
    """Write the files; the lock last, since it says that the others are there."""
    for name in sorted(files, key=lambda name: name == LOCK):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(files[name])
        partial.replace(path)


def replan(root: Path, staged: Path) -> None:
    """Let DVC run the stage `plan`, and record it, where it is out of date."""
    recorded = dvc.recorded(root, "plan")
    lock = why.md5_of(why.content(root / LOCK))
    if recorded is None or recorded.get(LOCK) != lock or changed_plan(root, staged):
        for _ in dvc.reproduce(root, "plan"):
            pass


def what_runs(root: Path, staged: Path) -> Iterator[str]:
    """Say which stages the next run will run: those of which the plan differs from that of their last run, and why."""
    (staged / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    nodes, edges = dvc.graph(staged)
    stages = [name for name in nodes if name != "plan"]
    found = {stage: reasons for stage in stages if (reasons := list(plan_reasons(root, staged, stage)))}
    if len(found) == len(stages) and all(reasons == [NOT_RUN] for reasons in found.values()):
        yield f"all {len(stages)} stages will run: this line has not run yet"
        return
    followers = dvc.following(found, edges) - found.keys()
    for stage in stages:
        if stage in found:
            yield f"{stage} will run: {shown(found[stage])}"
        elif stage in followers:
            yield f"{stage} follows"
    if not found:
        yield "no stage has to run: no plan differs from that of the last run"


NOT_RUN = "it has not run yet"


def plan_reasons(root: Path, staged: Path, stage: str) -> Iterator[str]:
    """Say how a stage's new plan file differs from that of its last run."""
    path = why.plan_path(stage)
    recorded = dvc.recorded(root, stage)
    if recorded is None:
        yield NOT_RUN
        return
    now = why.content(staged / path)
    if "plan" in recorded:  # a stage that depends on all plans; it follows wherever another one differs
        before = why.content(root / path)
        yield from why.differences(json.loads(before), json.loads(now)) if before else []
    elif path not in recorded:
        yield "it has run without a plan, by a version before 0.2"
    elif recorded[path] != why.md5_of(now):
        last = why.recorded_plan(root, path, recorded[path])
        yield from why.differences(json.loads(last), json.loads(now)) if last else ["its plan is another one"]


def shown(reasons: list[str]) -> str:
    """Return the first reasons in one line."""
    more = f"; {len(reasons) - SHOWN_REASONS} more" if len(reasons) > SHOWN_REASONS else ""
    return "; ".join(reasons[:SHOWN_REASONS]) + more


if __name__ == "__main__":
    sys.exit(main())
