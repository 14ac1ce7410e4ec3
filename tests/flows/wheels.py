"""Wheels of this tree, and environments that one is installed in."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.graph_rules import ROOT

OFFLINE = ["--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"]


def copy_source(folder: Path) -> Path:
    """Copy what is tracked, as it is now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in [name for name in listed.split("\0") if (ROOT / name).is_file()]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def build(source: Path, folder: Path) -> Path:
    """Build a wheel, offline and with the setuptools that is here."""
    command = [sys.executable, "-m", "pip", "wheel", *OFFLINE, "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run(command, check=True)
    return next(folder.glob("trimline-*.whl"))


def environment(folder: Path, wheel: Path) -> Path:
    """Make an environment with a wheel beside the packages of this one; return the folder of its programs."""
    venv.create(folder, with_pip=False, symlinks=True)
    install(folder / "bin", wheel)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def install(programs: Path, wheel: Path) -> None:
    """Install a wheel in the environment of some programs, in place of another version."""
    command = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", *OFFLINE, str(wheel)]
    subprocess.run(command, check=True)


def run(folder: Path, programs: Path, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run a command as a person in the environment of some programs would."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    path = f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}"
    variables = inherited | {"PATH": path, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=folder, env=variables, check=False, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}"
    return done
