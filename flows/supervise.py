"""Runs a command, then ends all that it started: when it is done, on a signal, or when its parent dies.

    python -I -S flows/supervise.py GRACE_SECONDS COMMAND...

Whoever starts this holds the other end of its standard input. When that end closes, by intent or by `kill -9`, all
processes below get SIGTERM, and SIGKILL after the grace period. A process group would not do: DVC passes no signal on,
and a Prefect worker's flow runs have sessions of their own. It is a program of its own, since a killed parent cannot
tidy up.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
SECONDS_BETWEEN_LOOKS = 0.02


def main(grace_seconds: float, command: Sequence[str]) -> int:
    """Run `command` and return its exit status, 128 + N if signal N ended it."""
    adopt_orphans()
    signal.signal(signal.SIGTERM, end_now)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        threading.Thread(target=wait_for_parent, daemon=True).start()
        status = reap_until(child.pid)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not interrupt the tidying up
        end_descendants(grace_seconds)
    return status if status >= 0 else 128 - status


def adopt_orphans() -> None:
    """Become the parent of every orphan below, so that it can still be found (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_for_parent() -> None:
    """Block until the other end of standard input is closed, then end this process in its main thread."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def reap_until(pid: int) -> int:
    """Wait for every child that ends, adopted ones too, until `pid` does; returns its exit status.

    A child that nobody waits for keeps its process id, and DVC takes its locks for those of a process at work.
    """
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def reap_dead() -> None:
    """Wait for all children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return  # there is no child at all


def end_now(signum: int, _frame: FrameType | None) -> None:
    """Leave the wait for the child."""
    sys.exit(128 + signum)


def end_descendants(grace_seconds: float) -> None:
    """Send SIGTERM to all processes below this one, then SIGKILL until none is left."""
    signal_all(descendants(), signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while alive := descendants():
        if time.monotonic() > deadline:
            signal_all(alive, signal.SIGKILL)
        time.sleep(SECONDS_BETWEEN_LOOKS)
        reap_dead()
    reap_dead()


def signal_all(pids: Sequence[int], signum: int) -> None:
    """Send `signum` to each process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            continue


def descendants() -> list[int]:
    """All processes below this one, dead ones not counted."""
    children = defaultdict(list)
    for pid, parent, state in processes():
        if not state.startswith("Z"):
            children[parent].append(pid)
    found: list[int] = []
    to_visit = [os.getpid()]
    while to_visit:
        below = children.pop(to_visit.pop(), [])
        found += below
        to_visit += below
    return found


def processes() -> list[tuple[int, int, str]]:
    """(pid, parent's pid, state) of every process on the machine."""
    if not Path("/proc/self/stat").exists():
        listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
        rows = (line.split() for line in listing.stdout.splitlines())
        return [(int(pid), int(parent), state) for pid, parent, state in rows if int(parent) != 0]
    table = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]  # a name may hold anything
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        table.append((int(stat.parent.name), int(parent), state))
    return table


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
