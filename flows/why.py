"""Says why a stage is out of date: `trimline why STAGE`.

A stage depends on its plan file and on data. What `plan` would write now is compared, setting by setting and module by
module, with the plan file of the stage's last run, which git has where it is no longer in the working folder.

Exit status: 0 the reasons were printed, or there are none; 78 there is no such stage.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from flows import dvc, subprocesses
from flows.errors import STATUSES, CommandFailed, FlowError, Refused

PARTS = {"settings": "setting", "code": "module", "packages": "package"}
COMMITS = 50  # whose plan files are looked through


def main(arguments: Sequence[str] | None = None) -> int:
    """Print why each named stage would run; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="trimline why",
        description=__doc__,
        epilog="Example: trimline why train\n\n" + STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stages", nargs="+", metavar="STAGE", help="such as train, or compress@int8")
    options = parser.parse_args(arguments)
    try:
        for stage in options.stages:
            sys.stdout.write("\n".join(reasons(Path.cwd(), stage)) + "\n")
    except FlowError as error:
        sys.stderr.write(f"\n{error}\n")
        return error.exit_status
    return 0


def reasons(root: Path, stage: str) -> list[str]:
    """Return a line that says how the stage stands, and one line for each reason.

    Raises:
        Refused: there is no such stage.
    """
    recorded = recorded_dependencies(root, stage)
    if recorded is None:
        return [f"{stage} has not run yet"]
    now = planned(root)
    found = [*plan_reasons(root, stage, recorded, now), *data_reasons(root, stage, plan_path(stage))]
    if found:
        return [f"{stage} is out of date:", *(f"  {reason}" for reason in found)]
    if first := outdated_before(root, stage, now):
        return [f"{stage} follows:", *(f"  {name} runs before it: `trimline why {name}`" for name in first)]
    return [f"{stage} is up to date"]


def outdated_before(root: Path, stage: str, now: dict[str, bytes]) -> list[str]:
    """Return the stages that `stage` depends on, directly or not, and whose plan is another one than at their run."""
    order, dependencies = dvc.graph(root)
    needed, waiting = set[str](), [stage]
    while waiting:
        more = set(dependencies[waiting.pop()]) - needed
        needed |= more
        waiting += more
    return [name for name in order if name in needed - {"plan"} and is_outdated(root, name, now)]


def is_outdated(root: Path, stage: str, now: dict[str, bytes]) -> bool:
    """Whether a stage has not run yet, or not with the plan file of now."""
    recorded, plan = dvc.recorded(root, stage), now.get(plan_path(stage))
    return recorded is None or (plan is not None and recorded.get(plan_path(stage)) != md5_of(plan))


def plan_path(stage: str) -> str:
    """Return the path of a stage's plan file from the root."""
    return f"plan/{stage.replace('@', '/')}.json"


def recorded_dependencies(root: Path, stage: str) -> dict[str, str] | None:
    """Return the MD5 sums of what the stage depended on when it last ran, by path; None where it has not run.

    Raises:
        Refused: there is no such stage.
    """
    stages = dvc.stages(root)
    if stage not in stages:
        raise Refused(f"got:      stage {stage!r}\nexpected: one of {', '.join(stages)}\nto do:    correct the name")
    return dvc.recorded(root, stage)


def plan_reasons(root: Path, stage: str, recorded: dict[str, str], planned_now: dict[str, bytes]) -> Iterator[str]:
    """Say how the plan of now differs from that of the last run."""
    path = plan_path(stage)
    if "plan" in recorded:  # a stage that depends on all plans, as the manifest of a release names them
        yield from all_plans_reasons(root, planned_now)
        return
    if path not in recorded:
        return
    now = planned_now[path]
    if md5_of(now) == recorded[path]:
        return
    before = recorded_plan(root, path, recorded[path])
    if before is None:
        yield f"{path} is another one than at the last run, which git does not have"
        return
    yield from differences(json.loads(before), json.loads(now))


def all_plans_reasons(root: Path, planned_now: dict[str, bytes]) -> Iterator[str]:
    """Say which plan files would be others now than those that lie here; those that lie here are data as others are."""
    for path, now in planned_now.items():
        if content(root / path) != now:
            yield f"{path} will be another one: `trimline why {stage_of(path)}`"


def stage_of(path: str) -> str:
    """Return the stage of a plan file: `plan/export/int8.json` is that of `export@int8`."""
    return path.removeprefix("plan/").removesuffix(".json").replace("/", "@")


def planned(root: Path) -> dict[str, bytes]:
    """Return the plan files as `plan` would write them now, by their paths from the root."""
    with tempfile.TemporaryDirectory() as folder:
        command = subprocesses.trimline("stage", "plan", "--schemas", "schemas", "--plan", f"{folder}/plan")
        subprocesses.output("plan", command, root)
        return plan_files(Path(folder))


def plan_files(root: Path) -> dict[str, bytes]:
    """Return the plan files that lie in a folder, by their paths from it."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted((root / "plan").rglob("*.json"))}


def recorded_plan(root: Path, path: str, md5: str) -> bytes | None:
    """Return the plan file of an MD5 sum: the one in the working folder, or one of the last commits'."""
    candidates = chain([content(root / path)], (show(root, commit, path) for commit in commits_of(root, path)))
    return next((one for one in candidates if md5_of(one) == md5), None)


def commits_of(root: Path, path: str) -> list[str]:
    """Return the last commits of a file, none before the first commit of the repository."""
    try:
        return subprocesses.output("git log", ["git", "log", f"-{COMMITS}", "--format=%H", "--", path], root).split()
    except CommandFailed:
        return []


def content(path: Path) -> bytes:
    """Return a file's bytes, none where there is no file."""
    return path.read_bytes() if path.is_file() else b""


def md5_of(text: bytes) -> str:
    """Return the sum that DVC knows a file by."""
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def show(root: Path, commit: str, path: str) -> bytes:
    """Return a file as it was in a commit; empty where the commit has none."""
    try:
        return subprocesses.output("git show", ["git", "show", f"{commit}:./{path}"], root).encode()
    except CommandFailed:
        return b""


def differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Say what differs between two plan files, a line for each setting, module and package."""
    for part, word in PARTS.items():
        old, new = (dict(flat(plan.get(part, {}))) for plan in (before, now))
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                yield f"{word} {name}: {change(old, new, name) if part != 'code' else state(old, new, name)}"


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value that is not a mapping, by its dotted path."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from flat(each, f"{path}.{key}" if path else key)
    else:
        yield path, json.dumps(value)


def change(old: dict[str, str], new: dict[str, str], name: str) -> str:
    """Return `0.1 -> 0.2`; what is not there is said to be absent."""
    return f"{old.get(name, 'absent')} -> {new.get(name, 'absent')}"


def state(old: dict[str, str], new: dict[str, str], name: str) -> str:
    """Say whether a module is new, changed or no longer imported."""
    return "changed" if name in old and name in new else "imported now" if name in new else "no longer imported"


def data_reasons(root: Path, stage: str, plan: str) -> Iterator[str]:
    """Say which other files and folders have changed, as DVC sees it."""
    for path, how in dvc.changed(root, stage).items():
        if path != plan:
            yield f"{path}: {how}"
