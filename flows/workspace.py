"""Workspaces: the folder of the line, or clean clones of its commits, in which no file can change under a run."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.logging import get_run_logger
from prefect.runtime import deployment

from flows import dvc, subprocesses
from flows.errors import CommandFailed, Refused
from flows.subprocesses import LINE_ROOT


def line_root() -> Path:
    """The folder of the line that a flow is to work on: the working directory, or, in a deployment, its worker's line.

    A run of a deployment starts in an empty folder. It could not start in the line's: Prefect imports the flow from the
    working directory first, where a package `flows` may be a company's own.
    """
    return Path(os.environ[LINE_ROOT]) if deployment.id else Path.cwd()


def git(root: Path, *arguments: str) -> str:
    """What a git command in `root` wrote, without the last newline."""
    return subprocesses.output(f"git {arguments[0]}", ["git", *arguments], root).rstrip("\n")


@contextmanager
def clean_clone(root: Path, revision: str | None = None) -> Iterator[Path]:
    """A clone of the commit that `root` is at; it is removed at the end, its artifacts stay in the cache of `root`.

    Changes in `root` that are not committed are not in it. With a `revision`, such as a tag, it is of that commit.

    Raises:
        Refused: `root` has no commit.
    """
    commit = revision or head(root)
    if revision is None:
        warn_of_changes(root, commit)
    folder = root / ".trimline" / "clones"  # on the same file system, so that the cache can be linked
    folder.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f"{os.getpid()}-") as name:
        git(root, "clone", "--quiet", "--no-checkout", git(root, "rev-parse", "--show-toplevel"), name)
        git(Path(name), "checkout", "--quiet", "--detach", commit)
        clone = Path(name) / git(root, "rev-parse", "--show-prefix")  # a line may lie in a folder of its repository
        private = root / ".dvc" / "config.local"
        if private.exists():
            shutil.copy2(private, clone / ".dvc" / "config.local")
        cache = dvc.share_storage(root, clone)
        get_run_logger().info(
            "working in a clean clone of %s; artifacts go to the DVC cache %s", revision or commit[:10], cache
        )
        yield clone


def fetched(root: Path, branch: str) -> str:
    """The commit that `branch` is at in the repository that `root` was cloned from, brought here with the tags.

    Raises:
        Refused: There is no such repository or branch, or no default DVC remote to carry artifacts to and from here.
    """
    if not dvc.has_default_remote(root):
        raise Refused(
            "got:      a clone without a default DVC remote\n"
            "expected: one, since what is made here has to leave this host\n"
            "to do:    dvc remote add --default store URL, then commit and push .dvc/config"
        )
    try:
        git(root, "fetch", "--quiet", "--tags", "origin", branch)
    except CommandFailed as failure:
        raise Refused(
            f"got:      {failure}\n"
            f"expected: branch {branch!r} in the repository that {root} was cloned from, its remote `origin`\n"
            "to do:    push the branch, or correct the address: git remote set-url origin URL"
        ) from failure
    return git(root, "rev-parse", "FETCH_HEAD")


def publish_where(root: Path, clone: Path) -> None:
    """Let `clone` push to the repository that `root` was cloned from instead of to `root`."""
    address = git(root, "remote", "get-url", "origin")
    folder = root / address
    git(clone, "remote", "set-url", "origin", str(folder.resolve()) if folder.is_dir() else address)


def head(root: Path) -> str:
    """The commit that `root` is at.

    Raises:
        Refused: There is none.
    """
    try:
        return git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except CommandFailed as failure:
        raise Refused(
            f"got:      {root}, which has no commit\n"
            "expected: a commit; this run works in a clean clone of one\n"
            "to do:    git add and git commit what should be run"
        ) from failure


def warn_of_changes(root: Path, commit: str) -> None:
    """Say which changes in `root` the run will not see."""
    changes = git(root, "status", "--porcelain", "--untracked-files=no").splitlines()
    if changes:
        names = ", ".join(change[3:] for change in changes[:5]) + (", ..." if len(changes) > 5 else "")
        get_run_logger().warning("not part of commit %s and not used by this run: changes in %s", commit[:10], names)


def remove_abandoned(folder: Path) -> None:
    """Remove clones whose process was killed before it could; their names begin with its id."""
    for clone in folder.glob("[0-9]*-*"):
        try:
            os.kill(int(clone.name.partition("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(clone)
        except PermissionError:
            continue  # alive, and somebody else's
