"""One trial of a search: a recipe trained, converted and measured, in a process of its own."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.compression.search.sensitivity import Sensitivity, sensitivities
from tasks.contracts.errors import StageError
from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.data import columns
from tasks.data.records import SplitName
from tasks.device.running import ExportedFile
from tasks.metrics.paired import accuracy_drop
from tasks.metrics.sizes import zip_bytes

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
        stride: the accuracy and its drop are told of every so many-th of them.
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

    def told(self) -> dict[str, Any]:
        """Return what the report shows."""
        return {name: value for name, value in asdict(self).items() if name != "right"}


def measure(task: Task) -> Outcome:
    """Run a trial; equal tasks give equal outcomes."""
    data = columns.load(task.data)
    try:
        content = file_of(task, data)
    except StageError as error:  # a recipe that cannot be reached is a finding; any other failure ends the search
        return Outcome(0, 0.0, 1.0, [1.0, 1.0], [], failed=str(error))
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
    network, facts = saving.load(task.tuned)
    names = [layer.name for layer in network.layers if isinstance(layer, layers.Conv2D | layers.Dense)]
    images = data.column("validation", "image")
    rows = (images.take(np.arange(min(ROWS, len(images)))).astype(np.float32) - facts.mean) / np.float32(facts.std)
    calibration = conversion.calibration(data, facts, task.export)
    return sensitivities(file_of(task, data), names, calibration, rows)


def file_of(task: Task, data: columns.Dataset) -> bytes:
    """Train and convert a task's recipe."""
    from tasks.compression.apply import train
    from tasks.compression.exporting import exported
    from tasks.models import saving
    from tasks.models.images import IMAGES
    from tasks.models.learning_task import LearningTask
    from tasks.models.seeding import seed

    network, facts = saving.load(task.tuned)
    network, facts, _ = train(network, LearningTask(IMAGES, facts), task.recipe, data, task.name, lambda _: None)
    seed(task.export.seed)
    return exported(network, facts, task.recipe, data, task.export)
