"""The Prefect UI: one progress artifact per stage, the log, the pages that a run leaves."""

import json
import re
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from itertools import filterfalse
from pathlib import Path
from typing import cast
from uuid import UUID

from prefect import get_client
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.errors import Refused

PROGRESS_LINE = re.compile(r"^\[ *(\d+)%\] ")
# What native libraries say for information: "INFO: Created a delegate", "I0000 00:00:1795.. file.cc:213] applied".
INFORMATION = re.compile(r"INFO: |I\d{4} \d\d:\d\d:")
SECONDS_BETWEEN_UPDATES = 1.0
RESULT_TABLE = Path("reports/results.md")
MODEL_CARD = Path("reports/model_card.md")
REPORT = Path("reports/report.html")
VERDICT = Path("reports/verdict.json")
PAGES_STAGE = "report"  # writes all three, whatever the verdict; `release` follows it and may refuse
PAGES = {"result-table": RESULT_TABLE, "model-card": MODEL_CARD}
OTHER_KEYS = ("whole-report", "overrides", "publication")


def artifact_key(stage: str) -> str:
    """`compress@qat_int8` as `compress-qat-int8`: Prefect takes lowercase letters, digits and dashes only."""
    return re.sub(r"[^a-z0-9]", "-", stage.lower())


def refuse_equal_keys(stages: Iterable[str]) -> None:
    """Make sure that no two stages would write to one artifact.

    Raises:
        Refused: Two names differ only in what an artifact's key cannot show.
    """
    owners = {key: f"the page {key!r}" for key in (*PAGES, *OTHER_KEYS)}
    for stage in stages:
        owner = owners.setdefault(artifact_key(stage), f"stage {stage!r}")
        if owner != f"stage {stage!r}":
            raise Refused(
                f"got:      stage {stage!r} beside {owner}; in the Prefect UI both would be {artifact_key(stage)!r}\n"
                "expected: names that differ in more than upper case, '@', '_' and '-'\n"
                "to do:    rename one of them in params.yaml or dvc.yaml"
            )


def log(lines: Generator[str, None, None], follow: Callable[[str], None] | None = None) -> None:
    """Write a child's output to the run's log as it comes, and hand each line to `follow`.

    What native libraries say for information is left out; warnings and errors of theirs are not.
    However this is left, also by a cancellation inside the logger, the iterator is closed and the child ends at once.
    """
    logger = get_run_logger()
    with closing(lines):
        for line in filterfalse(INFORMATION.match, lines):
            logger.info("%s", line)
            if follow:
                follow(line)


class StageProgress:
    """The progress artifact of one stage, renewed at most once a second, and gone when the stage is done.

    If Prefect's API fails, the stage goes on: hours of training are worth more than a bar. The failure is logged, once,
    and there are no further updates of this stage.
    """

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.artifact: UUID | None = None
        self.updated_at = float("-inf")
        self.is_broken = False

    def follow(self, line: str) -> None:
        """Show the percentage that `line` begins with, if it does and the last update is old enough."""
        said = PROGRESS_LINE.match(line)
        if said and time.monotonic() - self.updated_at >= SECONDS_BETWEEN_UPDATES:
            self.show(float(said[1]))

    def show(self, percentage: float) -> None:
        """Show `percentage` now."""
        self.updated_at = time.monotonic()
        if self.artifact is None:
            self._ask(lambda: self._create(percentage))
        else:
            self._ask(lambda: update_progress_artifact(cast(UUID, self.artifact), percentage))

    def remove(self) -> None:
        """Take the bar away: the stage is done, and its task run says so."""
        if self.artifact:
            with get_client(sync_client=True) as client:
                self._ask(lambda: client.delete_artifact(cast(UUID, self.artifact)))

    def _create(self, percentage: float) -> None:
        artifact = create_progress_artifact(percentage, artifact_key(self.stage), f"Stage {self.stage}")
        self.artifact = cast(UUID, artifact)  # a coroutine only where an event loop runs

    def _ask(self, request: Callable[[], object]) -> None:
        if self.is_broken:
            return
        try:
            request()
        except Exception as error:  # whatever the API's client raises: see the class
            self.is_broken = True
            get_run_logger().warning("no more progress of %s in the Prefect UI: %r", self.stage, error)


def name_run(line: str, outcome: str) -> None:
    """Call this flow run by its line and its outcome, in front of the name that Prefect gave it."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(cast(UUID, flow_run.id), name=f"{line}: {outcome} ({flow_run.name})")


def outcome_of(root: Path) -> str:
    """Say in a word or two what the verdict of a run is; where it has none, that it is done."""
    if not (root / VERDICT).exists():
        return "Done"
    verdict = json.loads((root / VERDICT).read_text(encoding="utf-8"))
    return f"Released {verdict['chosen']}" if verdict["released"] else "Not released"


def show_pages(root: Path) -> str:
    """Show the result table, the model card and where the report is, as artifacts; returns the result table.

    What a run has not left is not shown.

    A failure of Prefect's API fails the run here: every stage is safe in DVC by now, and "completed" would say that
    the pages can be seen.
    """
    pages = {key: (root / path).read_text() for key, path in PAGES.items() if (root / path).exists()}
    for key, text in pages.items():
        create_markdown_artifact(text, key=key, description=f"`{PAGES[key]}` of this run")
    if (root / REPORT).exists():
        create_markdown_artifact(
            f"`{root / REPORT}`\n\nOne file that needs no network: open it in a browser. The clean clone of a "
            f"retraining is gone after its run; `dvc pull {REPORT}` brings the page to a clone of its branch.\n",
            key="whole-report",
            description="Where the whole report is",
        )
    return pages.get("result-table", "")
