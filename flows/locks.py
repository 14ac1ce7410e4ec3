"""Repairs the one file whose damage makes every DVC command fail until somebody deletes it."""

import fcntl
import json
import os
from collections.abc import Generator
from pathlib import Path

from flows.errors import CommandFailed


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
