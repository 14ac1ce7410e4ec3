"""A small real git and DVC repository to run flows on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import cast

from prefect.artifacts import Artifact

REPOSITORY = Path(__file__).resolve().parents[2]

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
  release:
    cmd: python release.py
    deps: [release.py, late]
    outs: [reports/results.md, release/model_card.md, release/report.html, release/bytes]
"""
MAKE = """
import json
from pathlib import Path
from typing import cast

from prefect.artifacts import Artifact
times = json.loads(Path("params.yaml").read_text())["make"]["times"]
Path("made").write_text(Path("data/raw/input.txt").read_text() * times)
"""
RELEASE = """
from pathlib import Path
from typing import cast

from prefect.artifacts import Artifact
for folder in ("reports", "release"):
    Path(folder).mkdir(exist_ok=True)
Path("reports/results.md").write_text("| bytes |\\n|---|\\n| %d |\\n" % len(Path("late").read_text()))
Path("release/model_card.md").write_text("# A toy\\n")
Path("release/bytes").write_text(str(len(Path("late").read_text())))
Path("release/report.html").write_text("<h1>A toy</h1>\\n")
"""
# The interface of tasks/override.py without its schema, which a toy's parameters would not pass.
OVERRIDE = """
import json, sys
from pathlib import Path
from typing import cast

from prefect.artifacts import Artifact
file, *items = sys.argv[1:]
params = json.loads(Path(file).read_text())
for item in items:
    name, _, value = item.partition("=")
    section, _, key = name.partition(".")
    if key not in params.get(section, {}):
        print("got:", name, "expected:", params, file=sys.stderr)
        sys.exit(78)
    params[section][key] = json.loads(value)
Path(file).write_text(json.dumps(params))
"""
# The interface of tasks/compare.py: a toy's release is the better the longer its result is.
COMPARE = """
import sys
from pathlib import Path
champion, candidate = (int(Path(bundle, "bytes").read_text()) for bundle in sys.argv[1:])
print("champion", champion, "candidate", candidate, flush=True)
sys.exit(candidate < champion and "a candidate that is worse than the champion")
"""
FILES = {
    "dvc.yaml": DVC_YAML,
    "make.py": MAKE,
    "release.py": RELEASE,
    "tasks/override.py": OVERRIDE,
    "tasks/compare.py": COMPARE,
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
    """Make the repository, with one commit in which nothing has been run."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text.lstrip("\n"))
    shutil.copy2(REPOSITORY / "prefect.toml", root / "prefect.toml")
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
