"""The flow `pipeline`: one Prefect task run per DVC stage, in DVC's order.

It runs whatever stages `dvc.yaml` has: that is the only place where the graph is written.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from prefect import Task, flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.states import Completed

from flows import dvc, subprocesses
from flows.errors import Busy, Refused, StageFailed
from flows.ui import PAGES_STAGE, StageProgress, log, name_run, outcome_of, refuse_equal_keys, show_pages
from flows.workspace import clean_clone, head, line_root

SECONDS_WORTH_SAYING = 30.0


def is_busy(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed stage is worth another try: only if it was at work elsewhere."""
    return isinstance(state.result(raise_on_failure=False), Busy)


# NO_CACHE: DVC alone decides whether a stage has to run.
@task(
    task_run_name="{stage}",
    cache_policy=NO_CACHE,
    retries=3,
    retry_delay_seconds=[2, 10, 60],
    retry_condition_fn=is_busy,
)
def run_stage(stage: str, root: Path) -> State[None] | None:
    """Let DVC bring one stage up to date, and show what it says while it works; one that has not changed is cached."""
    progress, skipped = StageProgress(stage), list[str]()

    def follow(line: str) -> None:
        progress.follow(line)
        if line == dvc.skipping(stage):
            skipped.append(line)

    progress.show(0)
    log(dvc.reproduce(root, stage), follow)
    progress.remove()
    return Completed(name="Cached", message="nothing that it depends on has changed") if skipped else None


@flow(name="pipeline")
def pipeline(stages: list[str] | None = None, overrides: dict[str, Any] | None = None, pull: bool = True) -> str:
    """Bring the model line up to date and return the result table; the run's name and state say the verdict.

    Args:
        stages: Only these stages (`compress@int8`) or groups of stages (`compress`); all if not given.
        overrides: Other values for `params.yaml`, such as `{"train.fit.epochs": 3}`. The run then happens in a clean
            clone of the last commit, and nothing of it is committed.
        pull: Whether to fetch artifacts that are missing here from the default DVC remote, if there is one.
    """
    root = line_root()
    if not overrides:
        return shown_in(root, stages, pull=pull)
    with clean_clone(root) as clone:
        apply_overrides(clone, overrides)
        table = shown_in(clone, stages, pull=pull, shared_cache=True)
        get_run_logger().info("the clone with these overrides is removed now; nothing was committed")
        return table


def shown_in(root: Path, stages: Sequence[str] | None, *, pull: bool, shared_cache: bool = False) -> str:
    """Run stages in a folder; return the result table in a state that the verdict names, which Prefect unwraps."""
    line = line_root().resolve().name
    try:
        table = run_stages(root, stages, pull=pull, shared_cache=shared_cache)
    except StageFailed as failure:
        name_run(line, outcome_of(root) if failure.result_table else f"{failure.name} failed")
        raise
    outcome = outcome_of(root)
    name_run(line, outcome)
    return cast(str, Completed(name=outcome, data=table))


def run_stages(root: Path, wanted: Sequence[str] | None = None, *, pull: bool, shared_cache: bool = False) -> str:
    """Run the stages `wanted`, or all, one after the other in this thread, and return the result table.

    Raises:
        StageFailed: A stage failed. Where the pages of this run were there by then, they are shown first, and the
            failure has the result table.
    """
    everything = dvc.stages(root)
    refuse_equal_keys(everything)
    chosen = choose(everything, wanted)
    if pull:
        log(dvc.restore(root, shared_cache=shared_cache))
    started = time.monotonic()
    for position, stage in enumerate(chosen):
        get_run_logger().info("%s", where(position, len(chosen), stage, time.monotonic() - started))
        try:
            run_stage(stage, root)
        except StageFailed as failure:
            if PAGES_STAGE not in chosen[position:]:  # a release that is refused: the pages say why
                failure.result_table = show_pages(root)
            raise
    return show_pages(root)


def where(position: int, total: int, stage: str, seconds: float) -> str:
    """Say which stage comes, and how long the others will take if they take as long as those before: a rough guess."""
    said = f"stage {position + 1} of {total}: {stage}"
    left = seconds / position * (total - position) if position else 0
    return said if left < SECONDS_WORTH_SAYING else f"{said}, about {max(1, round(left / 60))} min left"


def choose(everything: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    """The stages that are `wanted` by their own name or their group's, in the order of the graph; `plan` always.

    Without it the others would run with the settings of the last plan, whatever `params.yaml` says now.

    Raises:
        Refused: A name is neither.
    """
    if wanted is None:
        return list(everything)
    allowed = dict.fromkeys(name for stage in everything for name in (stage.partition("@")[0], stage))
    unknown = [name for name in wanted if name not in allowed]
    if unknown or not wanted:
        raise Refused(
            f"got:      stages {unknown or list(wanted)!r}\n"
            f"expected: some of {', '.join(allowed)}\n"
            "to do:    correct the names, or leave them out to run everything"
        )
    return [stage for stage in everything if {stage, stage.partition("@")[0]} & {*wanted, dvc.PLAN}]


def apply_overrides(clone: Path, overrides: dict[str, Any]) -> None:
    """Write `overrides` into the clone's `params.yaml`, and record them beside the run."""
    items = [f"{key}={json.dumps(value)}" for key, value in overrides.items()]
    subprocesses.output("overrides", subprocesses.trimline("set", *items), clone)
    rows = "\n".join(f"| `{key}` | `{json.dumps(value)}` |" for key, value in overrides.items())
    create_markdown_artifact(
        f"Commit `{head(clone)}` with\n\n| parameter | value |\n|---|---|\n{rows}\n",
        key="overrides",
        description="What this run changed in params.yaml; never committed",
    )
