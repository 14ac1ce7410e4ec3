"""The training steps of a recipe, by TFMOT. Each is more training; alone that is the step `tune`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.core.params.recipes import TrainingStep, Tune
from tasks.data.columns import Dataset
from tasks.models.checkpoint import Checkpoint
from tasks.models.layers import copy_of
from tasks.models.learning_task import LearningTask
from tasks.models.saving import ModelMetadata
from tasks.models.training_loop import History, Teacher, fit


@dataclass(frozen=True)
class Training:
    """The rows, what is learnt of them, and the float parent of the model.

    Attributes:
        data: training and validation rows.
        task: what the model learns.
        parent: the float model that the recipe started from; distillation listens to it.
        name: of the recipe.
        checkpoint: returns the checkpoint of a run by its name, None for a run without one.
    """

    data: Dataset
    task: LearningTask
    parent: Any
    name: str
    checkpoint: Callable[[str], Checkpoint | None]

    @property
    def metadata(self) -> ModelMetadata:
        """The metadata of the model."""
        return self.task.metadata

    def run(self, model: Any, step: TrainingStep, **options: Any) -> History:
        """Train `model` in place as a step says; `options` are those of `tasks.models.training_loop.fit`."""
        name = f"{self.name}-{step.step}"  # type: ignore[attr-defined]
        teacher = Teacher(self.parent, step.distillation) if step.distillation else None
        return fit(model, self.data, self.task, step.fit, self.checkpoint(name), name=name, teacher=teacher, **options)


def tune(model: Any, params: Tune, training: Training) -> tuple[Any, History]:
    """Return a copy of `model` after more training, and the history."""
    tuned = copy_of(model)
    return tuned, training.run(tuned, params)
