"""DVC: the graph, its stages, its storage, through DVC's command line alone.

DVC's Python API would lose the stages' output and run all of them in this process. `--force` and `--pull` are never
used: the first runs what is up to date, the second skips stages in a fresh clone and leaves no files.
"""

import configparser
import fcntl
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Collection, Generator
from contextlib import closing
from pathlib import Path

from flows import subprocesses
from flows.errors import Busy, CommandFailed, StageFailed

PLAN = "plan"  # the stage that all others get their settings from
NODE = re.compile(r'^"([^"]+)";$')
EDGE = re.compile(r'^"([^"]+)" -> "([^"]+)";$')
EXIT_STATUS = re.compile(r"exited with (-?\d+)")
ADVICE = re.compile(  # on git, after every stage that ran; `git status` says the same once
    r"\s*$|To track the changes with git|\s+git add |To enable auto staging|\s+dvc config core.autostage"
    r"|Use `dvc push` to send|Data and pipelines are up to date"
)
REMOTE = re.compile(r"""'remote "(.+)"'""")
PASSING = re.compile(  # DVC's lock, or a bucket that it asks for new data and that does not answer
    r"is busy, it is being blocked|Unable to acquire lock|Could not connect to the endpoint URL|timeout on endpoint URL"
)


def skipping(stage: str) -> str:
    """What DVC says of a stage that has nothing to do."""
    return f"Stage '{stage}' didn't change, skipping"


def command(*arguments: str) -> list[str]:
    """A DVC command line for our own interpreter, which imports nothing from the folder that it works in."""
    return [sys.executable, "-P", "-m", "dvc", *arguments]


def stages(root: Path) -> list[str]:
    """The stages of `dvc.yaml` in the order in which `dvc repro` runs them, such as `compress@int8`.

    Files tracked by `dvc add` are nodes of DVC's graph, too; they are left out, because there is nothing to run.
    """
    order = in_order(subprocesses.output("dvc dag", command("dag", "--dot"), root))
    return [name for name in order if not name.endswith(".dvc")]


def in_order(dot: str) -> list[str]:
    """The nodes of a graph in DVC's text, each after its dependencies, otherwise as they are listed.

    This is DVC's own depth-first order (`dvc.repo.reproduce.plan_repro`), so that `dvc.lock` gets the same bytes. Where
    a file lists a stage before the siblings that it needs, DVC takes these as the stage lists them, which this text
    does not tell; ours lists every stage after what it needs.
    """
    nodes, dependencies = nodes_and_edges(dot)
    order: dict[str, None] = {}

    def visit(node: str) -> None:
        if node not in order:
            for dependency in dependencies[node]:
                visit(dependency)
            order[node] = None

    for name in nodes:
        visit(name)
    return list(order)


def nodes_and_edges(dot: str) -> tuple[list[str], dict[str, list[str]]]:
    """The nodes of a graph in DVC's text as they are listed, and what each of them depends on."""
    nodes: list[str] = []
    dependencies = defaultdict(list)
    for line in dot.splitlines():
        if edge := EDGE.match(line.strip()):
            dependencies[edge[2]].append(edge[1])
        elif node := NODE.match(line.strip()):
            nodes.append(node[1])
    return nodes, dependencies


def graph(root: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The stages in the order in which `dvc repro` runs them, and what each of them depends on."""
    dot = subprocesses.output("dvc dag", command("dag", "--dot"), root)
    _, dependencies = nodes_and_edges(dot)
    return [name for name in in_order(dot) if not name.endswith(".dvc")], dependencies


def following(stages: Collection[str], dependencies: dict[str, list[str]]) -> set[str]:
    """The stages that depend on one of `stages`, directly or not."""
    found = set(stages)
    while more := {name for name, needs in dependencies.items() if name not in found and found & set(needs)}:
        found |= more
    return found - set(stages)


def recorded(root: Path, stage: str) -> dict[str, str] | None:
    """The MD5 sums of the dependencies of `stage` at its last run, by path; None where `dvc.lock` does not have it."""
    path = root / "dvc.lock"
    lines = path.read_text().splitlines() if path.exists() else []
    start = next((number for number, line in enumerate(lines) if line == f"  {stage}:"), None)
    if start is None:
        return None
    found, part, file = {}, "", ""
    for line in lines[start + 1 :]:
        if not line.startswith("    "):
            break  # the next stage
        words = line.strip().removeprefix("- ")
        if re.match(r"    [a-z]+:", line):
            part = words.partition(":")[0]
        elif words.startswith("path: "):
            file = words.removeprefix("path: ")
        elif words.startswith("md5: ") and part == "deps":
            found[file] = words.removeprefix("md5: ")
    return found


def changed(root: Path, stage: str) -> dict[str, str]:
    """How the dependencies and outputs of `stage` differ from its last run, by path: modified, new, deleted."""
    status = json.loads(subprocesses.output("dvc status", command("status", "--json", stage), root))
    found: dict[str, str] = {}
    for entry in status.get(stage, []):
        for paths in entry.values() if isinstance(entry, dict) else ():
            found |= paths
    return found


def reproduce(root: Path, stage: str) -> Generator[str, None, None]:
    """Run `stage` if anything that it depends on has changed, and yield DVC's and its output line by line.

    DVC's advice on git is left out. Closing the iterator ends DVC and the stage within a second.

    Raises:
        StageFailed: With the stage's own exit status, which DVC hides behind 255, or DVC's.
        Busy: The stage or its files are at work in another process.
    """
    try:
        yield from repair_lock_record(root)
        repro = command("--wait-for-lock", "repro", "--single-item", stage)
        with closing(subprocesses.lines(stage, repro, root)) as lines:
            yield from (line for line in lines if not ADVICE.match(line))
    except CommandFailed as failure:
        raise stage_failure(stage, failure) from failure


def stage_failure(stage: str, failure: CommandFailed) -> StageFailed:
    """What DVC's last lines say about why `stage` failed."""
    text = "\n".join(failure.tail)
    found = EXIT_STATUS.findall(text)
    status = int(found[-1]) if found else failure.status
    if status == os.EX_TEMPFAIL or PASSING.search(text):
        return Busy(stage, os.EX_TEMPFAIL, failure.tail)
    return StageFailed(stage, status, failure.tail)


def restore(root: Path, *, shared_cache: bool) -> Generator[str, None, None]:
    """Bring back outputs that are missing, from the default remote or from a cache shared with another tree.

    Only the missing ones: a plain `dvc pull` refuses to run over the half-written output of a killed stage. Where there
    is neither remote nor shared cache nothing can come back, and this costs nothing.
    """
    remote = has_default_remote(root)
    if not (remote or shared_cache):
        return
    outputs = in_order(subprocesses.output("dvc dag", command("dag", "--dot", "--outs"), root))
    missing = [path for path in outputs if not (root / path).exists()]
    if missing:
        verb = "pull" if remote else "checkout"
        yield from repair_lock_record(root)
        yield from subprocesses.lines(
            f"dvc {verb}", command("--wait-for-lock", verb, "--allow-missing", *missing), root
        )


def bring_stage(root: Path, stage: str) -> Generator[str, None, None]:
    """Bring the outputs of one stage as `dvc.lock` names them, from the default remote or from the cache."""
    verb = "pull" if has_default_remote(root) else "checkout"
    yield from subprocesses.lines(f"dvc {verb}", command("--wait-for-lock", verb, stage), root)


def has_default_remote(root: Path) -> bool:
    """Whether the repository's own configuration names a default remote."""
    return configuration(root).has_option("core", "remote")


def configuration(root: Path) -> configparser.ConfigParser:
    """The repository's own DVC settings, shared and private; reading them saves a second of `dvc config`."""
    config = configparser.ConfigParser(strict=False, interpolation=None)
    config.read([root / ".dvc" / "config", root / ".dvc" / "config.local"])
    return config


def push(root: Path) -> Generator[str, None, None]:
    """Send every artifact that `dvc.lock` and the `.dvc` files name to the default remote."""
    yield from subprocesses.lines("dvc push", command("push"), root)


def update_imports(root: Path) -> Generator[str, None, None]:
    """Fetch new versions of the raw data that come from elsewhere (`dvc import`, `dvc import-url`)."""
    files = sorted(root.glob("data/raw/*.dvc"))
    imports = [str(file.relative_to(root)) for file in files if "deps:" in file.read_text().splitlines()]
    if imports:
        yield from subprocesses.lines("dvc update", command("update", *imports), root)


def share_storage(origin: Path, clone: Path) -> Path:
    """Make `clone` keep its artifacts where `origin` does, so that they outlive it; returns that cache folder.

    A remote's relative path counts from the tree that names it, so it is made an absolute one.
    """
    cache = Path(subprocesses.output("dvc cache dir", command("cache", "dir"), origin).strip())
    settings = {"cache.dir": str(cache), "core.site_cache_dir": str(clone / ".dvc" / "site")}
    for section, options in configuration(origin).items():
        remote = REMOTE.fullmatch(section)
        if remote and "://" not in options["url"] and not Path(options["url"]).is_absolute():
            settings[f"remote.{remote[1]}.url"] = str((origin / ".dvc" / options["url"]).resolve())
    for key, value in settings.items():
        subprocesses.output("dvc config", command("config", "--local", key, value), clone)
    return cache


def repair_lock_record(root: Path) -> Generator[str, None, None]:
    """Remove DVC's record of who uses which file if it is not JSON, and say so.

    A process killed while it wrote `.dvc/tmp/rwlock` leaves half of it. What it recorded about others is lost, so it is
    removed only while no DVC command works in this tree; DVC's own guard is held, so that none can be writing it.

    Raises:
        CommandFailed: With 75, run again: a DVC command is at work here, and would be overtaken.
    """
    record = root / ".dvc" / "tmp" / "rwlock"
    if not is_damaged(record):
        return
    with record.with_name("rwlock.lock").open("a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not is_damaged(record):  # it was only being written
            return
        if others := dvc_processes(root):
            advice = (
                f"{record} is damaged and cannot be removed while DVC works here in process {others}: wait or end it."
            )
            raise CommandFailed("dvc", os.EX_TEMPFAIL, [advice])
        record.unlink()
    yield f"removed {record}: a killed process had left half of it, and no DVC command is at work here"


def is_damaged(record: Path) -> bool:
    """Whether there is a file that DVC would refuse to read."""
    try:
        json.loads(record.read_bytes())
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return False


def dvc_processes(root: Path) -> list[int]:
    """The DVC commands that work in `root`, found by command line and working directory.

    Without `/proc` (macOS) they cannot be found by the standard library, and DVC's guard alone has to do.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            if b"dvc" in map(os.path.basename, arguments) and (process / "cwd").samefile(root):
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # ended while we looked, or somebody else's
    return found
