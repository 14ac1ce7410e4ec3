"""Training steps over parts of a batch: one after the other, where memory does not hold it, or one per process."""

from collections.abc import Callable
from typing import Any

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf

from tasks.models.neighbour import Neighbour


def step_of(model: Any, parts: int, neighbour: Neighbour | None = None) -> Callable[[Any], Any]:
    """Return a training step of a model that takes its batch in `parts`; their mean gradient is that of the batch.

    What is normalised over a batch is normalised over a part. Of processes that train together, a step exchanges the
    gradients and nothing else: Keras' own step also reads each metric over all processes, an exchange for each. The
    `neighbour` sums them, if there is one and no gradient is that of some rows of a table (an embedding's), else the
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
        summed = neighbour is not None and all(isinstance(gradient, tf.Tensor) for gradient in mean)
        if neighbour and summed:
            mean = neighbour.summed(mean)
        pairs = zip(mean, model.trainable_variables, strict=True)
        model.optimizer.apply_gradients(pairs, skip_gradients_aggregation=summed)
        # Keras puts the metrics' values in the place of these at the end of an epoch, and nobody reads them before.
        return {metric.name: tf.zeros(()) for metric in model.metrics}

    model.distribute_reduction_method = "first"  # the default adds these up over the processes
    return train_step


def part_of(batch: Any, number: int, parts: int) -> Any:
    """Return every `parts`th row of a nest of tensors, from row `number` on."""
    return batch if parts == 1 else tf.nest.map_structure(lambda rows: rows[number::parts], batch)
