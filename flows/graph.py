"""The only door to DVC: its command line, as a child process.

DVC's Python API would lose the stages' output and run all of them in this process. `--force` and `--pull` are never
used: the first runs what is up to date, the second skips stages in a fresh clone and leaves no files.
"""

import configparser
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from flows import child
from flows.errors import Busy, CommandFailed, StageFailed
from flows.locks import repair_lock_record

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


def dvc(*arguments: str) -> list[str]:
    """A DVC command, run by our own interpreter."""
    return [sys.executable, "-m", "dvc", *arguments]


def stages(root: Path) -> list[str]:
    """The stages of `dvc.yaml` in the order in which `dvc repro` runs them, such as `compress@int8`.

    Files tracked by `dvc add` are nodes of DVC's graph, too; they are left out, because there is nothing to run.
    """
    order = in_order(child.output("dvc dag", dvc("dag", "--dot"), root))
    return [name for name in order if not name.endswith(".dvc")]


def in_order(dot: str) -> list[str]:
    """The nodes of a graph in DVC's text, each after its dependencies, otherwise as they are listed.

    This is DVC's own depth-first order (`dvc.repo.reproduce.plan_repro`), so that `dvc.lock` gets the same bytes. Where
    a file lists a stage before the siblings that it needs, DVC takes these as the stage lists them, which this text
    does not tell; ours lists every stage after what it needs.
    """
    nodes: list[str] = []
    dependencies = defaultdict(list)
    for line in dot.splitlines():
        if edge := EDGE.match(line.strip()):
            dependencies[edge[2]].append(edge[1])
        elif node := NODE.match(line.strip()):
            nodes.append(node[1])
    order: dict[str, None] = {}

    def visit(node: str) -> None:
        if node not in order:
            for dependency in dependencies[node]:
                visit(dependency)
            order[node] = None

    for name in nodes:
        visit(name)
    return list(order)


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
    status = json.loads(child.output("dvc status", dvc("status", "--json", stage), root))
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
        command = dvc("--wait-for-lock", "repro", "--single-item", stage)
        with closing(child.lines(stage, command, root)) as lines:
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
    outputs = in_order(child.output("dvc dag", dvc("dag", "--dot", "--outs"), root))
    missing = [path for path in outputs if not (root / path).exists()]
    if missing:
        command = "pull" if remote else "checkout"
        yield from repair_lock_record(root)
        yield from child.lines(f"dvc {command}", dvc("--wait-for-lock", command, "--allow-missing", *missing), root)


def bring_stage(root: Path, stage: str) -> Generator[str, None, None]:
    """Bring the outputs of one stage as `dvc.lock` names them, from the default remote or from the cache."""
    command = "pull" if has_default_remote(root) else "checkout"
    yield from child.lines(f"dvc {command}", dvc("--wait-for-lock", command, stage), root)


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
    yield from child.lines("dvc push", dvc("push"), root)


def update_imports(root: Path) -> Generator[str, None, None]:
    """Fetch new versions of the raw data that come from elsewhere (`dvc import`, `dvc import-url`)."""
    files = sorted(root.glob("data/raw/*.dvc"))
    imports = [str(file.relative_to(root)) for file in files if "deps:" in file.read_text().splitlines()]
    if imports:
        yield from child.lines("dvc update", dvc("update", *imports), root)


def share_storage(origin: Path, clone: Path) -> Path:
    """Make `clone` keep its artifacts where `origin` does, so that they outlive it; returns that cache folder.

    A remote's relative path counts from the tree that names it, so it is made an absolute one.
    """
    cache = Path(child.output("dvc cache dir", dvc("cache", "dir"), origin).strip())
    settings = {"cache.dir": str(cache), "core.site_cache_dir": str(clone / ".dvc" / "site")}
    for section, options in configuration(origin).items():
        remote = REMOTE.fullmatch(section)
        if remote and "://" not in options["url"] and not Path(options["url"]).is_absolute():
            settings[f"remote.{remote[1]}.url"] = str((origin / ".dvc" / options["url"]).resolve())
    for key, value in settings.items():
        child.output("dvc config", dvc("config", "--local", key, value), clone)
    return cache
