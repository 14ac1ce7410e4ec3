"""A worker on another host, as far as one machine can be two: a clone and processes of its own.

The two share the Prefect server, a bare git repository, and a bucket of an S3 server.
"""

import signal
import uuid
from pathlib import Path

import pytest

from tests import s3
from tests.flows import processes, toy

WORK = (*toy.TRIMLINE, "worker")


@pytest.fixture
def shared(root: Path, tmp_path: Path, s3_environment: dict[str, str]) -> Path:
    """The git repository that both clones share; `root` is the first clone, and says where its stages ran."""
    bucket = f"trimline-{uuid.uuid4()}"
    s3.fill(s3_environment, bucket, {})
    toy.run(root, "dvc", "remote", "add", "--quiet", "--default", "store", f"s3://{bucket}/artifacts")
    toy.add_stage(root, "place", "pwd > place")
    with (root / ".gitignore").open("a") as file:
        file.write("/place\n")
    toy.commit(root, "A remote")
    shared = tmp_path / "shared.git"
    toy.run(root, "git", "clone", "--quiet", "--bare", str(root), str(shared))
    toy.run(root, "git", "remote", "add", "origin", str(shared))
    return shared


@pytest.fixture
def second(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The clone of the other host, which keeps Prefect's files in its own folder."""
    second = tmp_path / "second"
    toy.run(tmp_path, "git", "clone", "--quiet", str(shared), str(second))
    monkeypatch.setenv("PREFECT_HOME", str(second / ".trimline" / "prefect"))
    return second


@pytest.mark.slow
def test_a_run_asked_for_here_works_there_and_its_result_comes_back(
    root: Path, second: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", api)
    with processes.started(second, *WORK, "--pool", "gpu") as worker:
        processes.wait_until(lambda: "This clone works for" in worker.output.read_text(), 120, "the worker")
        said = toy.run(root, "prefect", "deployment", "run", "retrain/gpu", "--watch").stdout
        assert "Completed" in said, said
        worker.process.send_signal(signal.SIGINT)
        assert worker.process.wait(timeout=30) == 0
        assert worker.alive() == []

    toy.run(root, "git", "fetch", "--quiet", "--tags", "origin")
    branch = toy.run(root, "git", "branch", "--remotes", "--list", "origin/retrain/*").stdout.strip()
    assert toy.run(root, "git", "tag", "--points-at", branch).stdout.strip() == "trimline@v0.0.1"
    assert not (root / "late").exists()
    toy.run(root, "git", "merge", "--quiet", branch)
    toy.run(root, "dvc", "pull", "--quiet")
    assert (root / "late").read_text() == "raw\n" * 4
    assert (root / "place").read_text().startswith(f"{second}/.trimline/clones/")
    assert toy.run(second, "git", "branch", "--list", "retrain/*").stdout == ""  # published where all can see it


@pytest.mark.parametrize(
    ("url", "change", "said"),
    [
        ("http://127.0.0.1:1/api", (), "a Prefect server that answers"),
        ("{api}", ("git", "remote", "set-url", "origin", "nowhere"), "in the repository that"),
        ("{api}", ("dvc", "remote", "default", "--unset"), "without a default DVC remote"),
    ],
)
def test_a_worker_that_could_not_hand_in_its_results_does_not_start(
    second: Path, api: str, url: str, change: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", url.format(api=api))
    if change:
        toy.run(second, *change)
    done = toy.run(second, *WORK, check=False)
    assert done.returncode == 78
    assert said in done.stderr
