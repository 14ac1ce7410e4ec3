"""Supervision of a command: whatever ends its process, the exit status is one of the documented ones.

A crash of native code, or the system's killing for want of memory, ends a process with a signal, which shells show as
139 or 137 and DVC as -11 or -9: nobody can look those up.
"""

import os
import signal
import sys
from collections.abc import Callable

from tasks.core.environment import die_with_parent

DOCUMENTED = frozenset({0, 1, 2, 65, 75, 78, 130})
STOPPED = 130
STOPPING = (signal.SIGTERM, signal.SIGHUP)  # are passed on; a terminal sends Ctrl-C to both processes itself
MEMORY = "the system probably ran out of memory (`dmesg` says so): free some, or lower TRIMLINE_WORKERS or shard_rows"
CRASH = "run the command again; if it ends like this again, report it with the settings and the input"


def watched(work: Callable[[], int], name: str, *, with_parent: bool) -> int:
    """Return the exit status of `work`, which a process of its own does: 1 where a signal ended it.

    Nothing is imported yet when this process is copied, so that it costs a millisecond.

    Args:
        work: returns an exit status.
        name: of what is done, for the message.
        with_parent: whether to end when the process that started this one is killed, as a stage does with DVC.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    watcher = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # none may come before there is something to pass it on to
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        die_with_parent()
        if os.getppid() != watcher:  # it was killed before that was set
            os._exit(1)
        return work()
    if with_parent:
        die_with_parent()
    for number in STOPPING:
        signal.signal(number, lambda given, _: os.kill(child, given))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    return _documented(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), name)


def _documented(status: int, name: str) -> int:
    if status in DOCUMENTED:
        return status
    if -status in {signal.SIGINT, *STOPPING}:
        return STOPPED
    if status < 0:
        by = signal.Signals(-status)
        found = "was killed" if by == signal.SIGKILL else "crashed in native code"
        sys.stdout.write(
            f"{name} failed (StageError, exit status 1)\n"
            f"got:      its process {found} ({by.name})\n"
            f"to do:    {MEMORY if by == signal.SIGKILL else CRASH}\n"
        )
        sys.stdout.flush()
    return 1
