"""Gradients summed over parts of a batch, for batches that a device's memory does not hold."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def step_of(model: Any, parts: int) -> Callable[[Any], Any]:
    """Return a training step of a model that takes its batch in `parts`; their mean gradient is that of the batch.

    What is normalised over a batch is normalised over a part.
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
        mean = [tf.add_n(together) / parts for together in zip(*each, strict=True)]
        model.optimizer.apply_gradients(zip(mean, model.trainable_variables, strict=True))
        return model.get_metrics_result()

    return train_step


def part_of(batch: Any, number: int, parts: int) -> Any:
    """Return every `parts`th row of a nest of tensors, from row `number` on."""
    return tf.nest.map_structure(lambda rows: rows[number::parts], batch)
