import contextlib
import shutil
import time
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State, TaskRun

from flows.errors import CommandFailed, Refused, StageFailed
from flows.pipeline import choose, pipeline
from flows.ui import artifact_key, refuse_equal_keys
from tests.flows import processes, toy

pytestmark = pytest.mark.usefixtures("api")
STAGES = ["make", "copy@b", "copy@a", "late", "report", "release"]


def run_flow(**parameters: Any) -> State[str]:
    state: State[str] = pipeline(**parameters, return_state=True)
    return state


def error(state: State[str]) -> object:
    return state.result(raise_on_failure=False)


def task_runs(state: State[str], number: int) -> list[TaskRun]:
    """The task runs of a flow run, once Prefect has recorded as many as there should be."""
    flow_run = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    with get_client(sync_client=True) as client:

        def finished() -> list[TaskRun]:
            runs = client.read_task_runs(flow_run_filter=flow_run)
            return [run for run in runs if run.end_time is not None]

        processes.wait_until(lambda: len(finished()) == number, 15, f"{number} task runs")
        return sorted(finished(), key=lambda run: run.start_time or time.time())


@pytest.fixture(scope="module")
def first(template: Path, tmp_path_factory: pytest.TempPathFactory, api: str) -> tuple[Path, State[str]]:
    """A tree in which the flow has run once, and the run."""
    root = tmp_path_factory.mktemp("first") / "toy"
    shutil.copytree(template, root)
    with contextlib.chdir(root):
        return root, run_flow()


@pytest.fixture
def ran(first: tuple[Path, State[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that tree for a test of its own, which is also the working directory."""
    root = tmp_path / "toy"
    shutil.copytree(first[0], root)
    monkeypatch.chdir(root)
    return root


def test_the_flow_runs_dvcs_stages_in_dvcs_order_and_leaves_the_bytes_of_dvc_repro(
    first: tuple[Path, State[str]], root: Path
) -> None:
    assert [run.name for run in task_runs(first[1], 6)] == STAGES
    toy.run(root, "dvc", "repro", "--quiet")
    pages = ("reports/results.md", "reports/model_card.md", "reports/report.html")
    for name in ("dvc.lock", "made", "copy_a", "late", *pages):
        assert (root / name).read_bytes() == (first[0] / name).read_bytes()


def test_a_run_shows_its_pages_and_is_named_by_its_line_and_its_verdict(first: tuple[Path, State[str]]) -> None:
    root, state = first
    assert error(state) == (root / "reports/results.md").read_text()
    assert state.name == "Done"
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(cast(UUID, state.state_details.flow_run_id))
        shown = {artifact.key for artifact in client.read_artifacts() if artifact.type == "progress"}
    assert run.name.startswith("toy: Done (")
    assert not shown & {"make", "copy-b", "copy-a", "late", "report", "release"}  # they are done
    assert toy.artifact("result-table").data == error(state)
    assert toy.artifact("model-card").data == "# A toy\n"
    assert f"`{root / 'reports/report.html'}`" in str(toy.artifact("whole-report").data)


def test_unchanged_stages_are_skipped_and_shown_as_cached(ran: Path, caplog: pytest.LogCaptureFixture) -> None:
    (ran / "reports/verdict.json").write_text('{"released": true, "chosen": "int8"}')
    state = run_flow()
    assert state.name == "Released int8"
    assert {run.state_name for run in task_runs(state, 6)} == {"Cached"}
    said = [record.getMessage() for record in caplog.records]
    assert [name for name in STAGES if f"Stage '{name}' didn't change, skipping" not in said] == []


def test_a_group_of_stages_runs_alone(ran: Path) -> None:
    assert [run.name for run in task_runs(run_flow(stages=["copy"]), 2)] == ["copy@b", "copy@a"]


def test_an_unknown_stage_is_refused_with_those_that_are_allowed() -> None:
    with pytest.raises(Refused, match=r"'cop'(.|\n)*some of make, copy, copy@b, copy@a, late, report, release"):
        choose(STAGES, ["make", "cop"])
    with pytest.raises(Refused):
        choose(STAGES, [])


def test_the_plan_is_always_among_the_chosen_stages_since_the_others_get_their_settings_from_it() -> None:
    assert choose(["plan", "train", "export@a", "export@b"], ["export"]) == ["plan", "export@a", "export@b"]


def test_stages_that_would_share_an_artifact_are_refused() -> None:
    assert artifact_key("compress@qat_int8") == "compress-qat-int8"
    with pytest.raises(Refused, match="compress-a-b"):
        refuse_equal_keys(["compress@a_b", "compress@a-b"])
    with pytest.raises(Refused, match="the page 'model-card'"):
        refuse_equal_keys(["model_card"])
    refuse_equal_keys(["report"])


def test_a_busy_stage_is_tried_again(root: Path) -> None:
    toy.add_stage(root, "shy", "test -f pids && cp pids shy || { touch pids; exit 75; }")
    state = run_flow(stages=["shy"])
    assert state.is_completed()
    assert [run.run_count for run in task_runs(state, 1)] == [2]


def test_a_failed_stage_is_not_tried_again_and_ends_the_run(root: Path) -> None:
    toy.add_stage(root, "bad", "echo x >> pids; exit 65")
    failure = error(run_flow(stages=["bad"]))
    assert isinstance(failure, StageFailed)
    assert (failure.name, failure.exit_status) == ("bad", 65)
    assert (root / "pids").read_text() == "x\n"


def test_a_refused_release_fails_the_run_after_its_pages_are_shown(root: Path) -> None:
    (root / "data/raw/input.txt").write_text("")
    failure = error(run_flow())
    assert isinstance(failure, StageFailed)
    assert (failure.name, failure.exit_status) == ("release", 1)
    assert failure.result_table == toy.artifact("result-table").data == "| bytes |\n|---|\n| 0 |\n"
    assert not (root / "release").exists()


def test_a_failure_before_the_report_does_not_show_the_pages_of_an_earlier_run(ran: Path) -> None:
    (ran / "make.py").write_text("raise SystemExit(65)")
    failure = error(run_flow())
    assert isinstance(failure, StageFailed)
    assert (failure.name, failure.result_table) == ("make", "")


def test_overrides_run_in_a_clean_clone_and_commit_nothing(ran: Path) -> None:
    root = ran
    toy.commit(root, "Run")
    (root / "late").write_text("half of something")
    before = (toy.run(root, "git", "rev-parse", "HEAD").stdout, (root / "dvc.lock").read_bytes())
    state = run_flow(overrides={"make.times": 5})
    assert error(state) == "| bytes |\n|---|\n| 40 |\n"
    assert (toy.run(root, "git", "rev-parse", "HEAD").stdout, (root / "dvc.lock").read_bytes()) == before
    assert toy.run(root, "git", "status", "--porcelain").stdout == ""
    assert list((root / ".trimline" / "clones").iterdir()) == []
    assert "| `make.times` | `5` |" in str(toy.artifact("overrides").data)


def test_a_bad_override_is_refused_with_its_own_status(root: Path) -> None:
    failure = error(run_flow(overrides={"make.tims": 5}))
    assert isinstance(failure, CommandFailed)
    assert failure.exit_status == 78
    assert "make.tims" in str(failure)
    assert list((root / ".trimline" / "clones").iterdir()) == []
