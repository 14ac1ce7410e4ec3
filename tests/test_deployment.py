"""The default line through `make serve`: in a clean clone (retrain) and in the serving tree, with equal bytes."""

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.serve import free_port
from tests.graph_rules import ROOT
from tests.test_end_to_end import environment, expected_lock, lock_without_measurements, processes_in

pytestmark = pytest.mark.slow


@contextmanager
def served(tree: Path, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "flows.cli", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=tree, env=environment(tree), text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "prefect deployment run" in line:
                break
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def deploy(tree: Path, port: int, deployment: str) -> None:
    command = [str(Path(sys.executable).parent / "prefect"), "deployment", "run", deployment, "--watch"]
    api = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
    subprocess.run(command, cwd=tree, env=environment(tree) | api, check=True)


def git(tree: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True).stdout


def test_a_deployment_gives_the_committed_bytes_in_a_clean_clone_and_in_the_serving_tree(tmp_path: Path) -> None:
    tree, port = tmp_path / "trimline", free_port()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tree)], check=True)
    git(tree, "rm", "--quiet", "dvc.lock")
    git(tree, "commit", "--quiet", "--message", "forget every version")
    with served(tree, port):
        deploy(tree, port, "retrain/weekly")
        branch = git(tree, "for-each-ref", "--format=%(refname:short)", "refs/heads/retrain").split()[0]
        retrained = tmp_path / "retrained.lock"
        retrained.write_text(git(tree, "show", f"{branch}:dvc.lock"))
        assert git(tree, "tag", "--points-at", branch).startswith("trimline@v")
        assert not (tree / "dvc.lock").exists()

        for cached in (tree / ".dvc/cache/files").iterdir():  # nothing of the clone's may help the serving tree
            subprocess.run(["rm", "-r", str(cached)], check=True)
        deploy(tree, port, "pipeline/on-demand")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health") as answer:
            assert answer.status == 200
    own = lock_without_measurements(tree / "dvc.lock")
    assert own == lock_without_measurements(retrained) == expected_lock(own, tmp_path / "undisturbed")
    assert not list(processes_in(tree))
    assert not list((tree / ".trimline/clones").iterdir())
