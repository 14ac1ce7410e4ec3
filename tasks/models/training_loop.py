"""The training loop: early stopping, gradient accumulation, layer-wise learning rate decay, distillation."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tasks.core.errors import StageError
from tasks.core.params.recipes import Distillation
from tasks.core.params.training import Fit, Speed
from tasks.core.progress import Progress
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.models.batches import Batches, validation
from tasks.models.checkpoint import Checkpoint, TrainingState
from tasks.models.class_weights import weighing
from tasks.models.learning_task import KindModel, LearningTask, Loss
from tasks.models.shared_memory_allreduce import SharedMemoryAllreduce
from tasks.models.strategy import SINGLE, ReplicaContext, Validating


def seed(value: int) -> None:
    """Make the initial weights that follow, and every operation, repeatable. To be called before a model is built."""
    tf.config.experimental.enable_op_determinism()
    tf_keras.backend.experimental.enable_tf_random_generator()  # so that dropout has a state that can be set
    tf_keras.utils.set_random_seed(value)


class Reseeded(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """Before each epoch, gives every layer that draws numbers a seed of that epoch.

    The layers must have been built after `seeding.seed`, which gives each a generator of its own.
    """

    def __init__(self, *origin: int) -> None:
        super().__init__()
        self._origin = origin

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this."""
        for index, generator in enumerate(generators(self.model)):
            seed_text = repr([*self._origin, epoch, index]).encode()
            generator.reset_from_seed(int.from_bytes(hashlib.blake2b(seed_text, digest_size=7).digest(), "little"))


def generators(model: Any) -> list[Any]:
    """Return the generators of a model's layers, in their order, those of models within it too."""
    drawing = [layer for layer in model.submodules if hasattr(layer, "_random_generator")]
    return [found for layer in drawing if (found := getattr(layer._random_generator, "_generator", None)) is not None]


class LayerwiseAdam(tf_keras.optimizers.Adam):  # type: ignore[misc]
    """Adam with layer-wise learning rates: the step of each variable is multiplied by the factor of its layer."""

    def __init__(self, learning_rate: Any, factors: dict[str, float]) -> None:
        super().__init__(learning_rate, jit_compile=False)
        self._factors = factors

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        """Keras calls this for each variable; Adam's step is proportional to its learning rate, and so to a factor."""
        before = tf.identity(variable)
        super().update_step(gradient, variable)
        variable.assign(before + self._factors[self._var_key(variable)] * (variable - before))


def layerwise_factors(model: Any, bottom: float) -> dict[str, float]:
    """Return the layer-wise factor of each variable: 1 for the last layer, `bottom` for the first, geometric between.

    Layers with kernels are counted; a normalisation goes with the one before it.
    """
    depths, depth = {}, -1
    for layer in model.layers:
        depth += has_kernel(layer)
        depths.update({variable._unique_id: max(depth, 0) for variable in layer.trainable_weights})
    return {name: float(bottom ** (1 - place / depth if depth else 0)) for name, place in depths.items()}


def has_kernel(layer: Any) -> bool:
    """Tell a layer that transforms its input from a normalisation and from one without weights."""
    return bool(layer.weights) and not isinstance(layer, NORMALISATIONS)


NORMALISATIONS = (tf_keras.layers.BatchNormalization, tf_keras.layers.LayerNormalization)


@dataclass(frozen=True)
class Teacher:
    """The float parent, and how much it counts.

    Attributes:
        model: normalised images (batch, h, w, c) in, logits (batch, classes) out.
        params: of the distillation.
    """

    model: Any
    params: Distillation

    def add_logits(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Put the teacher's logits beside the labels: targets are (batch, 1 + classes) of float32."""
        logits = self.model(images, training=False)
        return images, tf.concat([tf.cast(labels, tf.float32)[:, tf.newaxis], logits], axis=1)

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the mean of cross-entropy with the labels and with the softened answers of the teacher."""
        weight, temperature = self.params.weight, self.params.temperature
        hard = tf_keras.losses.sparse_categorical_crossentropy(targets[:, 0], logits, from_logits=True)
        soft = tf_keras.losses.kl_divergence(
            tf.nn.softmax(targets[:, 1:] / temperature), tf.nn.softmax(logits / temperature)
        )
        return (1 - weight) * hard + weight * temperature**2 * soft


def accuracy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return which rows are right, (batch,), where the targets hold a teacher's logits too."""
    return tf_keras.metrics.sparse_categorical_accuracy(targets[:, 0], logits)


def accumulated_step(model: Any, parts: int, allreduce: SharedMemoryAllreduce | None = None) -> Callable[[Any], Any]:
    """Return a training step with gradient accumulation: over `parts` of a batch, whose mean gradient is the batch's.

    What is normalised over a batch is normalised over a part. Of processes that train together, a step exchanges the
    gradients and nothing else: Keras' own step also reads each metric over all processes, an exchange for each. The
    `allreduce` sums them, if there is one and no gradient is that of some rows of a table (an embedding's), else the
    strategy does.
    """

    def gradients(inputs: Any, targets: Any) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            answers = model(inputs, training=True)
            loss = model.compute_loss(inputs, targets, answers)
        model.compiled_metrics.update_state(targets, answers)
        found: list[tf.Tensor] = tape.gradient(loss, model.trainable_variables)
        return found

    def train_step(batch: Any) -> Any:
        each = [gradients(*part_of(batch, number, parts)) for number in range(parts)]
        mean = each[0] if parts == 1 else [tf.add_n(together) / parts for together in zip(*each, strict=True)]
        summed = allreduce is not None and all(isinstance(gradient, tf.Tensor) for gradient in mean)
        if allreduce and summed:
            mean = allreduce.summed(mean)
        pairs = zip(mean, model.trainable_variables, strict=True)
        model.optimizer.apply_gradients(pairs, skip_gradients_aggregation=summed)
        # Keras puts the metrics' values in the place of these at the end of an epoch, and nobody reads them before.
        return {metric.name: tf.zeros(()) for metric in model.metrics}

    model.distribute_reduction_method = "first"  # the default adds these up over the processes
    return train_step


def part_of(batch: Any, number: int, parts: int) -> Any:
    """Return every `parts`th row of a nest of tensors, from row `number` on."""
    return batch if parts == 1 else tf.nest.map_structure(lambda rows: rows[number::parts], batch)


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
    layerwise_lr_decay: float = 1.0,
    replica: ReplicaContext = SINGLE,
) -> History:
    """Train `model` in place and restore the weights with the lowest validation loss; return a row per epoch.

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
        layerwise_lr_decay: of the learning rate, for the first layer; see `layerwise_factors`.
        replica: where it is trained; every process of several calls this with the same arguments but its own place.

    Raises:
        StageError: the loss became NaN or infinite.
    """
    task = task if teacher else weighing(task, data, params, name)  # a teacher's answers are weighed as it was
    batches = Batches(data, task, params, replica.rank, replica.size)
    trained = replica.prepare_model(model)
    with replica.scope():
        steps = batches.steps * params.epochs
        compile_(trained, task.kind, params, steps, teacher, layerwise_lr_decay, replica.speed, loss=task.loss())
    if replica.parts > 1 or replica.size > 1:
        trained.train_step = accumulated_step(
            trained, replica.parts, SharedMemoryAllreduce.of(replica, trained.trainable_variables)
        )
    state = _resumed(trained, checkpoint)
    written = checkpoint if replica.rank == 0 else None
    recorder = _Recorder(state, written, params, name, task.kind.watched, early_stopping=early_stopping)
    measuring = [Validating(replica, data, task)] if replica.size > 1 else []
    if not recorder.is_over():
        trained.fit(
            replica.distribute(_taught(batches.epochs(len(state.history)), teacher)),
            steps_per_epoch=batches.steps,
            initial_epoch=len(state.history),
            epochs=params.epochs,
            validation_data=None if measuring else _taught(validation(data, task), teacher),
            # The recorder last: it keeps what the others have made of the epoch.
            callbacks=[Reseeded(params.seed, replica.rank), *callbacks(), *measuring, recorder],
            verbose=0,
        )
    model.set_weights(state.best)
    return [{"run": name, **row} for row in state.history]  # type: ignore[dict-item]


def _taught(rows: tf.data.Dataset, teacher: Teacher | None) -> tf.data.Dataset:
    return rows.map(teacher.add_logits) if teacher else rows


class _Recorder(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """Records each epoch and writes the checkpoint; ends the run by early stopping, or after its last epoch."""

    def __init__(
        self,
        state: TrainingState,
        checkpoint: Checkpoint | None,
        params: Fit,
        name: str,
        watched: str,
        *,
        early_stopping: bool,
    ) -> None:
        super().__init__()
        self._state, self._checkpoint, self._name, self._watched = state, checkpoint, name, f"val_{watched}"
        self._epochs, self._patience = params.epochs, params.patience if early_stopping else params.epochs
        self._keep_best = early_stopping
        self._progress = Progress(params.epochs)
        self._progress.done = len(state.history)

    def is_over(self) -> bool:
        """Whether nothing is left to train."""
        return len(self._state.history) >= self._epochs or self._state.epochs_without_improvement >= self._patience

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this, with the epoch's metrics.

        Raises:
            StageError: one of them is NaN or infinite.
        """
        row = {"epoch": epoch, **{key: float(value) for key, value in (logs or {}).items()}}
        if not all(abs(value) < float("inf") for value in row.values()):
            raise StageError(
                got=f"{self._name}: a loss of {row['loss']} in epoch {epoch + 1}",
                do="lower the learning rate",
            )
        self._record(row)
        if self._checkpoint:
            self._checkpoint.write(self._state)
        said = f"{self._name}: epoch {epoch + 1} of {self._epochs}, {self._watched} {row[self._watched]:.4f}"
        if self.is_over():
            self.model.stop_training = True
            self._progress.advance(said, by=self._epochs)
        else:
            self._progress.advance(said)

    def _record(self, row: dict[str, float]) -> None:
        state = self._state
        state.history.append(row)
        state.weights = self.model.get_weights()
        state.optimizer = [variable.numpy() for variable in self.model.optimizer.variables]
        if not self._keep_best or row["val_loss"] < state.best_loss:
            state.best_loss, state.epochs_without_improvement, state.best = row["val_loss"], 0, state.weights
        else:
            state.epochs_without_improvement += 1


def compile_(
    model: Any,
    kind: KindModel,
    params: Fit,
    steps: int,
    teacher: Teacher | None = None,
    layerwise_lr_decay: float = 1.0,
    speed: Speed | None = None,
    *,
    loss: Loss | None = None,
) -> None:
    """Give the model its loss (a teacher's, where there is one), and Adam with a cosine schedule over `steps`.

    The schedule is that of Loshchilov and Hutter (2017, arXiv:1608.03983), after a linear warm-up if there is one.
    """
    warm_up = min(speed.warm_up_steps, steps - 1) if speed else 0
    rising = {"initial_learning_rate": 0.0, "warmup_target": params.learning_rate, "warmup_steps": warm_up}
    given = rising if warm_up else {"initial_learning_rate": params.learning_rate}
    schedule = tf_keras.optimizers.schedules.CosineDecay(decay_steps=steps - warm_up, **given)
    adam = (
        tf_keras.optimizers.Adam(schedule)
        if layerwise_lr_decay == 1
        else LayerwiseAdam(schedule, layerwise_factors(model, layerwise_lr_decay))
    )
    options = {"jit_compile": speed.xla, "steps_per_execution": speed.steps_per_call} if speed else {}
    if teacher:
        model.compile(adam, teacher.loss, metrics=[accuracy], **options)
    else:
        model.compile(adam, loss or kind.loss(), metrics=kind.metrics(), **options)
    model.optimizer.build(model.trainable_variables)


def outputs(model: Any, batches: tf.data.Dataset, task: LearningTask) -> Array:
    """Return what the exported file would give, (rows, ...) of float32, in the order of the batches."""
    return np.concatenate([task.outputs(model(inputs, training=False)).numpy() for inputs, _ in batches])


def _resumed(model: Any, checkpoint: Checkpoint | None) -> TrainingState:
    state = checkpoint.read() if checkpoint else None
    if state is None:
        return TrainingState(weights=model.get_weights(), best=model.get_weights())
    model.set_weights(state.weights)
    for variable, value in zip(model.optimizer.variables, state.optimizer, strict=True):
        variable.assign(value)
    return state
