"""The version of a page: when it was made, of which commit, from which data."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime

# Stages write these while the line runs: they say nothing about what a person has changed.
WRITTEN_BY_A_RUN = (":(exclude)dvc.lock", ":(exclude)plan")


@dataclass(frozen=True)
class Version:
    """What tells one page of a line from the next.

    Attributes:
        made: date and time in UTC, for people.
        commit: its digest, with a note where files have changed since; or why there is none.
        data: the first digits of the digest of the target's `dataset.json`.
    """

    made: str
    commit: str
    data: str

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.made} · {self.commit} · data {self.data}"


def version_of(data_sha256: str) -> Version:
    """Return the version of a page that is made now, in the working folder."""
    return Version(f"{datetime.now(UTC):%d %B %Y, %H:%M} UTC".lstrip("0"), commit(), data_sha256[:12])


def commit() -> str:
    """Name the commit of the working folder; a line without git, or without a commit, is told as such."""
    head = _git("rev-parse", "--short=12", "HEAD")
    if not head:
        return "no commit"
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *WRITTEN_BY_A_RUN)
    return f"commit {head}" + (" with changes that are not committed" if changed else "")


def _git(*words: str) -> str:
    """Return what git says, nothing where there is no git or no repository."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
