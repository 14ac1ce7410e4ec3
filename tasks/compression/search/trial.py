"""Trials of a search: recipes trained, converted, measured, side by side, each in a fresh process."""

import hashlib
import json
from concurrent.futures import Future, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.compression.search.space import Sensitivity, sensitivities
from tasks.core.environment import STATE_FOLDER, lock_file
from tasks.core.errors import StageError
from tasks.core.files import sha256
from tasks.core.isolation import FreshProcesses, ProcessEnded
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Export, Profile
from tasks.data import columns
from tasks.data.records import SplitName
from tasks.metrics.bootstrap import accuracy_drop
from tasks.tflite.measure import in_turn
from tasks.tflite.runtime import ExportedFile
from tasks.tflite.sizes import zip_bytes

# Rows that the sensitivities are measured on: they take four runs of them for each layer.
ROWS = 1000


@dataclass(frozen=True)
class Task:
    """What a trial needs; all of it can be sent to another process.

    Attributes:
        name: of the trial.
        recipe: to be tried.
        tuned, data: folders of the float parent and of the target's rows.
        export: calibration rows.
        confidence: of the drop's interval.
        reference: which rows the float32 file gets right; None where this trial is that file.
        split: whose rows are measured; a search looks at the validation rows alone.
        stride: the accuracy and its drop are computed on every stride-th row.
    """

    name: str
    recipe: Recipe
    tuned: Path
    data: Path
    export: Export
    confidence: float
    reference: list[bool] | None
    split: SplitName = "validation"
    stride: int = 1


@dataclass(frozen=True)
class Outcome:
    """What a trial came to.

    Attributes:
        zip_bytes: of the file.
        accuracy: on the compared rows.
        accuracy_drop: against float32 on the same rows.
        accuracy_drop_interval: of it, paired.
        right: which rows of the split it gets right.
        failed: why it has no file, None where it has one.
    """

    zip_bytes: int
    accuracy: float
    accuracy_drop: float
    accuracy_drop_interval: list[float]
    right: list[bool]
    failed: str | None = None

    def summary(self) -> dict[str, Any]:
        """Return what the report shows."""
        return {name: value for name, value in asdict(self).items() if name != "right"}


def measure(task: Task) -> Outcome:
    """Run a trial; equal tasks give equal outcomes."""
    data = columns.load(task.data)
    try:
        content = file_of(task, data)
    except StageError as error:  # a recipe that cannot be reached is a finding; any other failure ends the search
        return _none(str(error))
    images, labels = data.column(task.split, "image").all(), data.column(task.split, "label").all()
    right = ExportedFile(content, threads=1).probabilities(images).argmax(axis=-1) == labels
    reference = right if task.reference is None else np.array(task.reference)
    compared = accuracy_drop(reference[:: task.stride], right[:: task.stride], task.confidence)
    return Outcome(zip_bytes(content), float(right[:: task.stride].mean()), **compared, right=right.tolist())


def sensitivities_of(task: Task) -> list[Sensitivity]:
    """Return those of the layers of a task's int8 file, on at most `ROWS` validation rows."""
    from tf_keras import layers

    from tasks.models import conversion, saving

    data = columns.load(task.data)
    network, metadata = saving.load(task.tuned)
    names = [layer.name for layer in network.layers if isinstance(layer, layers.Conv2D | layers.Dense)]
    images = data.column("validation", "image")
    rows = (images.take(np.arange(min(ROWS, len(images)))).astype(np.float32) - metadata.mean) / np.float32(
        metadata.std
    )
    calibration = conversion.calibration(data, metadata, task.export)
    return sensitivities(file_of(task, data), names, calibration, rows)


def file_of(task: Task, data: columns.Dataset) -> bytes:
    """Train and convert a task's recipe."""
    from tasks.compression.export import to_tflite
    from tasks.compression.recipe import train
    from tasks.models import saving
    from tasks.models.learning_task import IMAGES, LearningTask
    from tasks.models.training_loop import seed

    network, metadata = saving.load(task.tuned)
    network, metadata, _ = train(network, LearningTask(IMAGES, metadata), task.recipe, data, task.name, lambda _: None)
    seed(task.export.seed)
    return to_tflite(network, metadata, task.recipe, data, task.export)


def latency_us(task: Task, params: Profile) -> float:
    """Return the median latency of a task's file on one pinned thread."""
    data = columns.load(task.data)
    image = data.column("validation", "image").take(np.array([0]))
    (nanoseconds,) = in_turn(
        [ExportedFile(file_of(task, data), threads=1).once({"image": image})], params.warm_up_runs, params.runs
    )
    return float(np.median(nanoseconds)) / 1000


def require_latency(measured_us: float, bound_us: float) -> None:
    """Refuse a bound that no recipe of the search can keep: all have int8's operators and shapes, so its latency.

    Raises:
        StageError: int8 is slower than the bound.
    """
    if measured_us > bound_us:
        raise StageError(
            got=f"a median of {measured_us:.1f} us for int8, whose operators all recipes of the search have",
            expected=f"at most {bound_us:g} us",
            do="raise search.max_latency_us, or train a smaller network",
        )


class Journal:
    """A file whose name is the digest of everything that the outcomes depend on."""

    def __init__(self, origin: list[Any], folder: Path = STATE_FOLDER) -> None:
        digest = hashlib.sha256(json.dumps([*origin, sha256(lock_file())], sort_keys=True).encode()).hexdigest()
        self.path = folder / f"search-{digest[:32]}.jsonl"
        self.outcomes = self._read()

    def _read(self) -> dict[str, Outcome]:
        if not self.path.exists():
            return {}
        lines = self.path.read_text(encoding="utf-8").split("\n")
        # what follows the last line break was cut off by a kill
        return {line["name"]: Outcome(**line["outcome"]) for line in map(json.loads, lines[:-1])}

    def add(self, name: str, outcome: Outcome) -> None:
        """Write an outcome behind the others."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = "".join(_line(*item) for item in self.outcomes.items())
        self.outcomes[name] = outcome
        partial = self.path.with_suffix(".partial")
        partial.write_text(whole + _line(name, outcome), encoding="utf-8")
        partial.replace(self.path)


def _line(name: str, outcome: Outcome) -> str:
    return json.dumps({"name": name, "outcome": vars(outcome)}) + "\n"


PRELOADED = [
    "tasks.models.quiet_tensorflow",
    "tensorflow_model_optimization",
    "tasks.compression.recipe",
    "tasks.compression.export",
]


CRASH_REMEDY = "train a network without the layers that the converter cannot take: `trimline search` is for int8"


def _outcome(future: "Future[Outcome]") -> Outcome:
    """Return what a trial came to: a crash of the converter is a finding, a process that was killed is none."""
    try:
        return future.result()
    except ProcessEnded as end:
        if not end.crashed:
            raise
        return _none(end.got)


def _none(reason: str) -> Outcome:
    return Outcome(0, 0.0, 1.0, [1.0, 1.0], [], failed=reason)


class Workers:
    """Measures recipes, taking from the journal what it has; a context manager that leaves no process."""

    def __init__(self, count: int, journal: Journal) -> None:
        self._pool = FreshProcesses(count, PRELOADED, "a trial of the search", CRASH_REMEDY)
        self._journal = journal

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *error: Any) -> None:
        self._pool.__exit__(*error)

    def measure(self, tasks: list[Task]) -> list[Outcome]:
        """Return the outcomes in the order of the tasks."""
        missing = [task for task in tasks if task.name not in self._journal.outcomes]
        futures = {self._pool.submit(measure, task): task.name for task in missing}
        for future in as_completed(futures):
            self._journal.add(futures[future], _outcome(future))
        return [self._journal.outcomes[task.name] for task in tasks]

    def required(self, task: Task) -> Outcome:
        """Return the outcome of a task that the search cannot do without.

        Raises:
            StageError: it has no file.
        """
        (outcome,) = self.measure([task])
        if outcome.failed is not None:
            raise StageError(
                got=f"no {task.name} file: {outcome.failed}",
                expected="float32 and int8 files of the model, which every trial is compared with",
                do="replace the layer that the converter cannot take, or add recipes of other precisions by hand",
            )
        return outcome

    def sensitivities(self, int8: Task) -> list[Sensitivity]:
        """Return those of the layers of a task's file."""
        found: list[Sensitivity] = self._pool.submit(sensitivities_of, int8).result()
        return found

    def latency_us(self, int8: Task, params: Profile) -> float:
        """Return the median latency of a task's file."""
        found: float = self._pool.submit(latency_us, int8, params).result()
        return found
