"""Training that stops early, resumes where it was killed, and gives the same bytes either way."""

from collections.abc import Callable
from typing import Any

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.contracts.errors import StageError
from tasks.contracts.progress import Progress
from tasks.contracts.training import Fit, Speed
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.models import distilling
from tasks.models.accumulating import step_of
from tasks.models.batches import Batches, validation
from tasks.models.checkpoint import Checkpoint, Standing
from tasks.models.distilling import Teacher
from tasks.models.graded import Graded, factors
from tasks.models.learning_task import KindModel, LearningTask
from tasks.models.neighbour import Neighbour
from tasks.models.place import ALONE, Place, Validating
from tasks.models.randomness import Reseeded

History = list[dict[str, float]]


def fit(
    model: Any,
    data: Dataset,
    task: LearningTask,
    params: Fit,
    checkpoint: Checkpoint | None,
    *,
    name: str,
    callbacks: Callable[[], list[Any]] = list,
    early_stopping: bool = True,
    teacher: Teacher | None = None,
    bottom_rate: float = 1.0,
    place: Place = ALONE,
) -> History:
    """Train `model` in place and leave it with the weights of the least validation loss; return a row per epoch.

    Args:
        model: takes and gives what its task says.
        data: its training and validation splits are used.
        task: what it learns.
        params: of this run; the learning rate falls to 0 along a cosine over all epochs.
        checkpoint: written after every epoch; the caller removes it when the run's result is in its place. Without
            one a killed run starts again.
        name: of the run, for the progress and the history.
        callbacks: makes Keras callbacks, after the model has been compiled.
        early_stopping: False runs all epochs and keeps the last weights, for schedules that must reach their end.
        teacher: whose answers count beside the labels.
        bottom_rate: of the learning rate, for the first layer; see `Graded`.
        place: where it is trained; every process of several calls this with the same arguments but its own place.

    Raises:
        StageError: the loss became NaN or infinite.
    """
    batches = Batches(data, task, params, place.rank, place.size)
    trained = place.own(model)
    with place.scope():
        compile_(trained, task.kind, params, batches.steps * params.epochs, teacher, bottom_rate, place.speed)
    if place.parts > 1 or place.size > 1:
        trained.train_step = step_of(trained, place.parts, Neighbour.of(place, trained.trainable_variables))
    standing = _resumed(trained, checkpoint)
    written = checkpoint if place.rank == 0 else None
    recorder = _Recorder(standing, written, params, name, task.kind.watched, early_stopping=early_stopping)
    measuring = [Validating(place, data, task)] if place.size > 1 else []
    if not recorder.is_over():
        trained.fit(
            place.spread(_taught(batches.epochs(len(standing.history)), teacher)),
            steps_per_epoch=batches.steps,
            initial_epoch=len(standing.history),
            epochs=params.epochs,
            validation_data=None if measuring else _taught(validation(data, task), teacher),
            # The recorder last: it keeps what the others have made of the epoch.
            callbacks=[Reseeded(params.seed, place.rank), *callbacks(), *measuring, recorder],
            verbose=0,
        )
    model.set_weights(standing.best)
    return [{"run": name, **row} for row in standing.history]  # type: ignore[dict-item]


def _taught(rows: tf.data.Dataset, teacher: Teacher | None) -> tf.data.Dataset:
    return rows.map(teacher.add_logits) if teacher else rows


class _Recorder(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """After every epoch: notes where the run stands, writes the checkpoint, and ends the run when it is time."""

    def __init__(
        self,
        standing: Standing,
        checkpoint: Checkpoint | None,
        params: Fit,
        name: str,
        watched: str,
        *,
        early_stopping: bool,
    ) -> None:
        super().__init__()
        self._standing, self._checkpoint, self._name, self._watched = standing, checkpoint, name, f"val_{watched}"
        self._epochs, self._patience = params.epochs, params.patience if early_stopping else params.epochs
        self._keep_best = early_stopping
        self._progress = Progress(params.epochs)
        self._progress.done = len(standing.history)

    def is_over(self) -> bool:
        """Whether nothing is left to train."""
        return len(self._standing.history) >= self._epochs or self._standing.waited >= self._patience

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this, with the epoch's metrics.

        Raises:
            StageError: one of them is NaN or infinite.
        """
        row = {"epoch": epoch, **{key: float(value) for key, value in (logs or {}).items()}}
        if not all(abs(value) < float("inf") for value in row.values()):
            raise StageError(
                got=f"{self._name}: a loss of {row['loss']} in epoch {epoch + 1}",
                expected="a finite loss",
                do="lower the learning rate",
            )
        self._record(row)
        if self._checkpoint:
            self._checkpoint.write(self._standing)
        said = f"{self._name}: epoch {epoch + 1} of {self._epochs}, {self._watched} {row[self._watched]:.4f}"
        if self.is_over():
            self.model.stop_training = True
            self._progress.advance(said, by=self._epochs)
        else:
            self._progress.advance(said)

    def _record(self, row: dict[str, float]) -> None:
        standing = self._standing
        standing.history.append(row)
        standing.weights = self.model.get_weights()
        standing.optimizer = [variable.numpy() for variable in self.model.optimizer.variables]
        if not self._keep_best or row["val_loss"] < standing.best_loss:
            standing.best_loss, standing.waited, standing.best = row["val_loss"], 0, standing.weights
        else:
            standing.waited += 1


def compile_(
    model: Any,
    kind: KindModel,
    params: Fit,
    steps: int,
    teacher: Teacher | None = None,
    bottom_rate: float = 1.0,
    speed: Speed | None = None,
) -> None:
    """Give the model its loss (a teacher's, where there is one), and Adam with a cosine schedule over `steps`.

    The schedule is that of Loshchilov and Hutter (2017, arXiv:1608.03983), after a linear warm-up if one is asked for.
    """
    warm_up = min(speed.warm_up_steps, steps - 1) if speed else 0
    rising = {"initial_learning_rate": 0.0, "warmup_target": params.learning_rate, "warmup_steps": warm_up}
    given = rising if warm_up else {"initial_learning_rate": params.learning_rate}
    schedule = tf_keras.optimizers.schedules.CosineDecay(decay_steps=steps - warm_up, **given)
    adam = tf_keras.optimizers.Adam(schedule) if bottom_rate == 1 else Graded(schedule, factors(model, bottom_rate))
    options = {"jit_compile": speed.xla, "steps_per_execution": speed.steps_per_call} if speed else {}
    if teacher:
        model.compile(adam, teacher.loss, metrics=[distilling.accuracy], **options)
    else:
        model.compile(adam, kind.loss(), metrics=kind.metrics(), **options)
    model.optimizer.build(model.trainable_variables)


def outputs(model: Any, batches: tf.data.Dataset, task: LearningTask) -> Array:
    """Return what the exported file would give, (rows, ...) of float32, in the order of the batches."""
    return np.concatenate([task.outputs(model(inputs, training=False)).numpy() for inputs, _ in batches])


def _resumed(model: Any, checkpoint: Checkpoint | None) -> Standing:
    standing = checkpoint.read() if checkpoint else None
    if standing is None:
        return Standing(weights=model.get_weights(), best=model.get_weights())
    model.set_weights(standing.weights)
    for variable, value in zip(model.optimizer.variables, standing.optimizer, strict=True):
        variable.assign(value)
    return standing
