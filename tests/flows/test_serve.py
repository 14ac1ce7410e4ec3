import json
import os
import shutil
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from flows.serve import free_port
from tests.flows import processes, toy

SERVE = (*toy.TRIMLINE, "serve", "--port")


@pytest.fixture(scope="module")
def tree(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy that serves; no stage of it has run."""
    root = tmp_path_factory.mktemp("serve") / "toy"
    shutil.copytree(template, root)
    toy.add_endless_stage(root)
    return root


@pytest.fixture(scope="module")
def served(tree: Path) -> Iterator[tuple[processes.Started, str]]:
    """A running `make serve`, and the URL of its API."""
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tree / ".trimline" / "prefect"))
        with processes.started(tree, *SERVE, str(port)) as serve:
            processes.wait_until(lambda: "Now type" in serve.output.read_text(), 120, "serve to be ready")
            yield serve, f"http://127.0.0.1:{port}/api"


@pytest.fixture
def client(served: tuple[processes.Started, str]) -> Iterator[SyncPrefectClient]:
    with temporary_settings({PREFECT_API_URL: served[1]}), get_client(sync_client=True) as client:
        yield client


def prefect(tree: Path, url: str, *arguments: str) -> str:
    """What a person would type, with the environment that serve tells them to set."""
    return toy.run(tree, "env", f"PREFECT_API_URL={url}", "prefect", *arguments).stdout


def test_the_deployment_runs_in_the_tree_that_serves_it(tree: Path, served: tuple[processes.Started, str]) -> None:
    said = prefect(tree, served[1], "deployment", "run", "pipeline/on-demand", "-p", 'stages=["make"]', "--watch")
    assert "Completed" in said
    assert (tree / "made").read_text() == "raw\nraw\n"


def test_the_pages_ask_the_server_that_they_come_from(served: tuple[processes.Started, str]) -> None:
    with urllib.request.urlopen(served[1].removesuffix("/api") + "/ui-settings") as answer:
        assert json.load(answer)["api_url"] == served[1]


def test_retrain_is_scheduled_every_week_and_never_twice_at_once(client: SyncPrefectClient) -> None:
    deployment = client.read_deployment_by_name("retrain/weekly")
    assert [(one.active, one.schedule) for one in deployment.schedules] == [
        (True, CronSchedule(cron="0 3 * * 1", timezone="UTC"))
    ]
    assert deployment.global_concurrency_limit is not None
    assert deployment.global_concurrency_limit.limit == 1
    assert deployment.concurrency_options is not None
    assert deployment.concurrency_options.collision_strategy == ConcurrencyLimitStrategy.CANCEL_NEW


def test_cancelling_a_run_ends_its_children_within_2_s(
    tree: Path, served: tuple[processes.Started, str], client: SyncPrefectClient
) -> None:
    (tree / "pids").unlink(missing_ok=True)
    deployment = client.read_deployment_by_name("pipeline/on-demand")
    run = client.create_flow_run_from_deployment(deployment.id, parameters={"stages": ["endless"]})
    pids = processes.stage_pids(tree)
    client.set_flow_run_state(run.id, Cancelling())  # all that `prefect flow-run cancel` does, once it has started
    assert processes.wait_until(lambda: not processes.any_alive(pids), 10, "the children to end") < 2.0
    processes.wait_until(lambda: state_of(client, run.id) == "CANCELLED", 40, "the run to be called cancelled")


def state_of(client: SyncPrefectClient, run_id: object) -> str:
    state = client.read_flow_run(run_id).state  # type: ignore[arg-type]
    return state.type.value if state else ""


def test_a_port_that_is_taken_is_refused(tree: Path, served: tuple[processes.Started, str]) -> None:
    port = served[1].rpartition(":")[2].removesuffix("/api")
    second = toy.run(tree, *SERVE, port, check=False)
    assert second.returncode == 78
    assert "expected: a port that nothing listens on" in second.stderr


def test_ctrl_c_ends_everything_also_a_run_in_progress(
    tree: Path, served: tuple[processes.Started, str], client: SyncPrefectClient
) -> None:
    """The last test of this module, since it ends what the others use."""
    (tree / "pids").unlink(missing_ok=True)
    deployment = client.read_deployment_by_name("pipeline/on-demand")
    client.create_flow_run_from_deployment(deployment.id, parameters={"stages": ["endless"]})
    processes.stage_pids(tree)
    serve = served[0]
    serve.process.send_signal(signal.SIGINT)
    assert serve.process.wait(timeout=30) == 0
    assert serve.alive() == []


def test_serve_says_which_child_ended_and_leaves_none(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tree / ".trimline" / "prefect"))
    with processes.started(tree, *SERVE, str(free_port())) as serve:
        processes.wait_until(lambda: "Now type" in serve.output.read_text(), 120, "serve to be ready")
        for pid in serve.alive():
            if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
        assert serve.process.wait(timeout=30) == 1
        assert serve.alive() == []
        assert str(tree / ".trimline" / "logs" / "worker.log") in serve.output.read_text()
