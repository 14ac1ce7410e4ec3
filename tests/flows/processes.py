"""What tests ask of the processes that they start."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.flows.toy import REPOSITORY


def stage_pids(root: Path) -> list[int]:
    """The ids of the processes of `endless` once both run."""
    path = root / "pids"
    wait_until(lambda: path.exists() and len(path.read_text().split()) == 2, 60, "the endless stage to start")
    return [int(pid) for pid in path.read_text().split()]


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until `condition` holds and return the seconds it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"waited {seconds} s for {what}"
        time.sleep(0.02)
    return time.monotonic() - start


def any_alive(pids: Sequence[int]) -> bool:
    """Whether one of the processes still runs; a zombie that nobody has reaped does not."""

    def is_alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    return any(map(is_alive, pids))


def hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Started:
    """A process whose descendants can be found for ever, because they inherit a mark in their environment."""

    def __init__(self, root: Path, *command: str) -> None:
        self.mark = f"TRIMLINE_TEST_MARK={uuid.uuid4()}"
        name, _, value = self.mark.partition("=")
        self.output = root / ".trimline" / f"{value}.txt"
        self.output.parent.mkdir(exist_ok=True)
        environment = os.environ | {name: value, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                command,
                cwd=root,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A shell starts a background job with Ctrl-C ignored, and its children inherit that: these are not one.
                preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - no thread is at work here
            )

    def alive(self) -> list[int]:
        """The process and its descendants that still run."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        return [pid for pid in found if any_alive([pid])]


@contextmanager
def started(root: Path, *command: str) -> Iterator[Started]:
    """Start a command; whatever the test did, nothing of it is left afterwards."""
    process = Started(root, *command)
    try:
        yield process
    finally:
        while alive := process.alive():
            for pid in alive:
                os.kill(pid, 9)
            time.sleep(0.05)
        process.process.wait()
