"""The flow `retrain`: new data, the pipeline in a clean clone; if its release passes, a branch with a version."""

from datetime import UTC, datetime
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows import dvc, subprocesses
from flows.errors import CommandFailed, StageFailed
from flows.pipeline import run_stages
from flows.ui import log, name_run
from flows.workspace import clean_clone, fetched, git, line_root, publish_where

POINTERS = ("dvc.lock", "*.dvc")  # the tracked files that say which artifacts belong to a commit
PLANS = "plan/*.json"  # an output that git keeps and not DVC's cache; git's `*` takes folders below, too
AUTHOR = {"user.name": "Trimline", "user.email": "trimline@localhost"}
MODEL = "trimline"
NOTHING = "Nothing to publish"
BUNDLE = Path("release")


@flow(name="retrain")
def retrain(branch: str | None = None, upstream: str | None = None) -> str:
    """Fetch new data, run every stage in a clean clone of the last commit, and publish what came of it.

    Nothing is published when a stage fails, `release` with its gates among them, when the new release is worse than the
    newest version on the same rows, or when nothing has changed.

    Args:
        branch: The new branch to publish to; `retrain/<UTC time>-<name of this run>` if not given.
        upstream: A branch of the repository that this tree was cloned from. The run then starts from what that branch
            is now, and publishes there, not here: for a worker on another host.
    """
    root = line_root()
    with clean_clone(root, fetched(root, upstream) if upstream else None) as clone:
        if upstream:
            publish_where(root, clone)
        log(dvc.update_imports(clone))
        run_stages(clone, pull=True, shared_cache=True)
        if git(clone, "status", "--porcelain", "--", *POINTERS):
            compare_with_champion(root, clone)
        said = publish(clone, branch or new_branch())
    create_markdown_artifact(said, key="publication", description="What this run published, or why nothing")
    get_run_logger().info("%s", said)
    name_run(root.resolve().name, "Nothing new" if said.startswith(NOTHING) else "Published")
    return said


def new_branch() -> str:
    """A name that no other run has."""
    return f"retrain/{datetime.now(UTC):%Y%m%d-%H%M%S}-{flow_run.name}"


def compare_with_champion(root: Path, clone: Path) -> None:
    """Compare the new release with that of the newest version; without a version there is none to beat.

    Raises:
        StageFailed: The new release is worse than `compare` in params.yaml allows.
    """
    champion = newest_version(clone)
    if champion is None:
        get_run_logger().info("no version yet: the first release is held to the bounds of `release` alone")
        return
    with clean_clone(root, champion) as before:
        log(dvc.bring_stage(before, BUNDLE.name))
        command = subprocesses.trimline("compare", str(before / BUNDLE), str(BUNDLE))
        try:
            log(subprocesses.lines("compare", command, clone))
        except CommandFailed as failure:
            raise StageFailed("compare", failure.status, failure.tail) from failure


def newest_version(clone: Path) -> str | None:
    """The tag of the newest published version, such as `trimline@v1.2.0`; None where nothing was published."""
    tags = git(clone, "tag", "--list", f"{MODEL}@v*", "--sort=-version:refname").splitlines()
    return tags[0] if tags else None


def publish(clone: Path, branch: str) -> str:
    """Send artifacts, branch and version tag to where `clone` came from, the pointer last; returns what was done.

    The artifacts go first, so that whoever sees the commit can get what it names. Branch and tag arrive together or
    not at all.
    """
    if not git(clone, "status", "--porcelain", "--", *POINTERS):
        return f"{NOTHING}: the new data and the stages left `dvc.lock` and every `.dvc` file as they were."
    if dvc.has_default_remote(clone):
        log(dvc.push(clone))
    for key, value in AUTHOR.items():
        git(clone, "config", key, value)
    git(clone, "add", "--", *present(clone))
    git(clone, "commit", "--quiet", "--message", f"Retrain: {branch}")
    commit = git(clone, "rev-parse", "HEAD")
    subprocesses.output("gto register", ["gto", "register", MODEL, commit], clone)
    tag = git(clone, "tag", "--points-at", commit)
    git(clone, "push", "--quiet", "--atomic", "origin", f"HEAD:refs/heads/{branch}", f"refs/tags/{tag}")
    use = f"To use it: `git merge {branch}`, then `dvc checkout`."
    return f"Published version `{tag}`: commit `{commit}` on branch `{branch}`.\n\n{use}"


def present(clone: Path) -> list[str]:
    """Those of `POINTERS` and `PLANS` that match a file; git refuses the others."""
    return [
        pattern for pattern in (*POINTERS, PLANS) if any(path.is_file() for path in clone.rglob(pattern))
    ]  # .dvc is a folder
