"""A small real git and DVC repository to run flows on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import cast

from prefect.artifacts import Artifact

REPOSITORY = Path(__file__).resolve().parents[2]
TRIMLINE = (sys.executable, "-P", "-m", "flows.cli")  # what the script `trimline` does, also where it is not installed

# `late` stands before what it depends on, so that the order of the file is not the order of the graph.
DVC_YAML = """
stages:
  late:
    cmd: cat copy_b copy_a > late
    deps: [copy_b, copy_a]
    outs: [{late: {persist: true}}]
  make:
    cmd: python make.py
    deps: [make.py, data/raw/input.txt]
    params: [make.times]
    outs: [{made: {persist: true}}]
  copy:
    foreach: [b, a]
    do:
      cmd: 'echo "[ 50%] half" && cp made copy_${item}'
      deps: [made]
      outs: [{"copy_${item}": {persist: true}}]
  report:
    cmd: python report.py
    deps: [report.py, late]
    outs: [reports/results.md, reports/model_card.md, reports/report.html]
  release:
    cmd: test -s late || { echo "the verdict is no"; exit 1; }; mkdir -p release && wc -c < late > release/bytes
    deps: [reports/report.html, late]
    outs: [release]
"""
MAKE = """
import json
from pathlib import Path
times = json.loads(Path("params.yaml").read_text())["make"]["times"]
Path("made").write_text(Path("data/raw/input.txt").read_text() * times)
"""
REPORT = """
from pathlib import Path
Path("reports").mkdir(exist_ok=True)
Path("reports/results.md").write_text("| bytes |\\n|---|\\n| %d |\\n" % len(Path("late").read_text()))
Path("reports/model_card.md").write_text("# A toy\\n")
Path("reports/report.html").write_text("<h1>A toy</h1>\\n")
"""
# The interface of `trimline set` without its schema, which a toy's parameters would not pass.
SET = """
import json, sys
from pathlib import Path

def main(arguments):
    file, items = "params.yaml", arguments
    params = json.loads(Path(file).read_text())
    for item in items:
        name, _, value = item.partition("=")
        section, _, key = name.partition(".")
        if key not in params.get(section, {}):
            print("got:", name, "expected:", params, file=sys.stderr)
            return 78
        params[section][key] = json.loads(value)
    Path(file).write_text(json.dumps(params))
    return 0
"""
# The interface of `trimline compare`: a toy's release is the better the longer its result is.
COMPARE = """
from pathlib import Path

def main(arguments):
    champion, candidate = (int(Path(bundle, "bytes").read_text()) for bundle in arguments)
    print("champion", champion, "candidate", candidate, flush=True)
    if candidate < champion:
        print("a candidate that is worse than the champion")
    return int(candidate < champion)
"""
FILES = {
    "dvc.yaml": DVC_YAML,
    "make.py": MAKE,
    "report.py": REPORT,
    "pyproject.toml": '[project]\nname = "trimline"\n',  # with flows/cli.py: a checkout, whose tasks are the commands
    "tasks/commands/set.py": SET,
    "tasks/commands/compare.py": COMPARE,
    "params.yaml": '{"make": {"times": 2}}',
    "data/raw/input.txt": "raw\n",
    ".gitignore": "/late\n/made\n/copy_*\n/reports/\n/release/\n/.trimline/\n/pids\n__pycache__/\n/marks/\n",
    ".dvc/config": "[core]\n    analytics = false\n    check_update = false\n    autostage = false\n",
}


def run(root: Path, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run a command in `root` as a person in this virtual environment would."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=check)


def commit(root: Path, message: str) -> None:
    author = ("-c", "user.name=Toy", "-c", "user.email=toy@localhost")
    run(root, "git", "add", "-A")
    run(root, "git", *author, "commit", "--quiet", "--message", message)


def create(root: Path) -> None:
    """Make the repository, a checkout with the flows of this one and one commit in which nothing has been run."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text.lstrip("\n"))
    for name in ("prefect.toml", "prefect.yaml"):
        shutil.copy2(REPOSITORY / name, root / name)
    shutil.copytree(REPOSITORY / "flows", root / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    run(root, "git", "init", "--quiet", "--initial-branch", "main")
    (root / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    commit(root, "A toy")


def add_stage(root: Path, name: str, command: str) -> None:
    """Append a stage with an output of its name."""
    with (root / "dvc.yaml").open("a") as file:
        file.write(f"  {name}:\n    cmd: {command}\n    outs: [{{{name}: {{persist: true}}}}]\n")
    commit(root, f"Add {name}")


def add_endless_stage(root: Path) -> None:
    """A stage of two processes, one in a session of its own, that would run for minutes; both write their id."""
    (root / "endless.sh").write_text(
        "echo $$ >> pids\nsetsid sh -c 'echo $$ >> pids; exec sleep 300' &\nexec sleep 300\n"
    )
    add_stage(root, "endless", "sh endless.sh")


def artifact(key: str) -> Artifact:
    """The newest artifact with this key."""
    found = cast("Artifact | None", Artifact.get(key))  # a coroutine only where an event loop runs
    assert found is not None, key
    return found
