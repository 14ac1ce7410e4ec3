"""The distribution strategy of a training run: one device, several GPUs, or one of several processes."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tasks.core.params.training import Speed
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.models.batches import selected_rows
from tasks.models.learning_task import LearningTask


@dataclass(frozen=True)
class ReplicaContext:
    """A process among those that train one model.

    Attributes:
        strategy: of TensorFlow's, None where there is one process and one device.
        rank: of the process, from 0; the first writes the checkpoints.
        size: how many processes there are.
        speed: what is to be used of the hardware, None for the plain way.
    """

    strategy: Any = None
    rank: int = 0
    size: int = 1
    speed: Speed | None = None

    @property
    def parts(self) -> int:
        """In how many parts a process takes its part of a batch."""
        return self.speed.accumulate if self.speed else 1

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which models and optimizers of this place are made."""
        scope: AbstractContextManager[Any] = self.strategy.scope() if self.strategy else nullcontext()
        return scope

    def prepare_model(self, model: Any) -> Any:
        """Return the model as it is trained here: itself, or a copy in the strategy's scope and in mixed precision."""
        mixed = self.speed is not None and self.speed.precision == "bfloat16"
        if not (self.strategy or mixed):
            return model

        def cloned(layer: Any) -> Any:
            config = layer.get_config()
            if mixed and layer is not model.layers[-1]:  # the loss is taken in float32
                config["dtype"] = "mixed_bfloat16"
            return type(layer).from_config(config)

        with self.scope():
            copy = tf_keras.models.clone_model(model, clone_function=cloned)
        copy.set_weights(model.get_weights())
        return copy

    def distribute(self, rows: tf.data.Dataset) -> Any:
        """Return batches as this place's strategy takes them; each process makes its own."""
        if self.strategy is None:
            return rows
        if self.size == 1:
            return self.strategy.experimental_distribute_dataset(rows.with_options(_sharded_by_data()))
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        # Of an end that may come the processes would ask each other before every step.
        return self.strategy.distribute_datasets_from_function(lambda _: rows.apply(endless))


SINGLE = ReplicaContext()


def of_this_machine(speed: Speed) -> ReplicaContext:
    """Return the place of a run in one process: all GPUs that it may use, together, where there are several."""
    if speed.gpus_per_worker > 1:
        return ReplicaContext(tf.distribute.MirroredStrategy(), speed=speed)
    return ReplicaContext(speed=speed)


def _sharded_by_data() -> tf.data.Options:
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return options


class Validating(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch, each process measures its part of the validation rows, and all have the sums of all.

    Statistics of batch normalisation, which differ from process to process, become their mean first, so that a run
    that resumes from the weights goes on from the same ones.
    """

    def __init__(self, replica: ReplicaContext, data: Dataset, task: LearningTask) -> None:
        super().__init__()
        self._replica = replica
        own_values = np.arange(replica.rank, data.rows("validation"), replica.size)
        self._batches = selected_rows(data, "validation", task, own_values)
        loss = task.loss()
        self._loss = getattr(loss, "call", loss)  # of each row: a strategy forbids the mean of a loss object
        self._metrics = (
            task.kind.metrics()
        )  # made here, outside of the strategy, whose variables cannot be updated alone
        self._forward = tf.function(self._run)

    def _run(self, inputs: Any) -> Any:
        return self._replica.strategy.run(lambda given: self.model(given, training=False), args=(inputs,))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this; puts `val_loss` and the kind's metrics among the logs."""
        self._average_statistics()
        total, rows = 0.0, 0
        for metric in self._metrics:
            metric.reset_state()
        for inputs, targets in self._batches:
            answers, count = self._forward(inputs), int(targets.shape[0])
            total, rows = total + count * float(tf.reduce_mean(self._loss(targets, answers))), rows + count
            for metric in self._metrics:
                metric.update_state(targets, answers)
        variables = [variable for metric in self._metrics for variable in metric.variables]
        totals, *sums = self._summed([np.array([total, rows]), *(variable.numpy() for variable in variables)])
        for variable, value in zip(variables, sums, strict=True):
            variable.assign(tf.cast(value, variable.dtype))
        found = {f"val_{metric.name}": float(metric.result()) for metric in self._metrics}
        if logs is not None:
            logs.update({"val_loss": totals[0] / totals[1], **found})

    def _average_statistics(self) -> None:
        apart = [
            variable
            for variable in self.model.non_trainable_variables
            if variable.synchronization == tf.VariableSynchronization.ON_READ
        ]
        replicas = self._replica.strategy.num_replicas_in_sync
        own_values = [np.sum(self._replica.strategy.experimental_local_results(variable), axis=0) for variable in apart]
        for variable, total in zip(apart, self._summed(own_values), strict=True):
            variable.assign(tf.cast(total / replicas, variable.dtype))

    def _summed(self, values: list[Array]) -> list[Array]:
        """Return the sums over all processes, of float64, in one exchange."""
        if not values:
            return []
        own_values = tf.constant(np.concatenate([np.ravel(value).astype(np.float64) for value in values]))
        summed = self._replica.strategy.run(
            lambda: tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, own_values)
        )
        ends = np.cumsum([value.size for value in values])
        parts = np.split(np.asarray(self._replica.strategy.experimental_local_results(summed)[0]), ends[:-1])
        return [part.reshape(value.shape) for part, value in zip(parts, values, strict=True)]
