"""Training rows from memory-mapped columns: shuffled over all shards, augmented, as the model takes them."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf

from tasks.core.errors import ParamsError
from tasks.core.params.training import Fit
from tasks.data.columns import Column, Dataset
from tasks.data.records import Array, Columns, SplitName
from tasks.models.learning_task import Inputs, LearningTask

BATCH = 256
POOL = 50  # batches whose rows are sorted by length together

Raw = tuple[tuple[Array, ...], Array]


class Batches:
    """The training split of a data set, as a `tf.data.Dataset` that runs through all epochs.

    An epoch's order and augmentation depend on the seed and the epoch's number alone, so that a run which was
    killed goes on with the batches that it would have had. Of several processes that train together each has its
    part of every batch, and reads no other rows.
    """

    def __init__(self, data: Dataset, task: LearningTask, fit: Fit, rank: int = 0, size: int = 1) -> None:
        self._task, kind = task, task.kind
        self._inputs = {name: data.column("train", name) for name in kind.inputs}
        self._targets = data.column("train", kind.target).all()
        self._fit, self._rank, self._size = fit, rank, size
        self.steps = len(self._targets) // fit.batch_size
        if not self.steps:
            raise ParamsError(
                got=f"batch_size: {fit.batch_size}",
                expected=f"at most the {len(self._targets)} rows of the training split",
                do="lower the batch size, or add rows",
            )

    def epochs(self, first: int) -> tf.data.Dataset:
        """Return batches of what the model takes and of its targets, from epoch `first` on."""
        signature = signature_of(self._inputs, self._targets, self._fit.batch_size // self._size)
        raw = tf.data.Dataset.from_generator(
            lambda: chain.from_iterable(map(self._raw, range(first, self._fit.epochs))), output_signature=signature
        )
        return raw.map(self._task.preprocess).prefetch(2)

    def _raw(self, number: int) -> Iterator[Raw]:
        random = np.random.default_rng([self._fit.seed, number])
        batches = self._order(random)
        if self._rank:
            random = np.random.default_rng([self._fit.seed, number, self._rank])
        for rows in batches[:, self._rank :: self._size]:
            columns: Columns = {name: column.take(rows) for name, column in self._inputs.items()}
            columns = self._task.kind.augment(columns, self._fit.augment, random)
            yield tuple(columns[name] for name in self._inputs), self._targets[rows]

    def _order(self, random: np.random.Generator) -> Array:
        """Return the rows of each batch, (steps, batch); where rows have lengths, those of a batch have like ones."""
        size = self._fit.batch_size
        rows = random.permutation(len(self._targets))[: self.steps * size]
        lengths = self._task.kind.lengths(self._targets)
        if lengths is None:
            return rows.reshape(self.steps, size)
        pools = [rows[start : start + POOL * size] for start in range(0, len(rows), POOL * size)]
        alike = [pool[np.argsort(lengths[pool], kind="stable")] for pool in pools]
        return random.permutation(np.concatenate(alike).reshape(self.steps, size))


def signature_of(inputs: dict[str, Column], targets: Array, batch: int | None) -> Any:
    """Return the types of a batch of inputs and of its targets."""
    rows = [column.take(np.arange(1)) for column in inputs.values()]
    specs = tuple(tf.TensorSpec((batch, *row.shape[1:]), row.dtype) for row in rows)
    return specs, tf.TensorSpec((batch, *targets.shape[1:]), targets.dtype)


def validation(data: Dataset, task: LearningTask) -> tf.data.Dataset:
    """Return the whole validation split in batches, as the model takes it."""
    return all_rows(data, "validation", task)


def all_rows(data: Dataset, split: SplitName, task: LearningTask) -> tf.data.Dataset:
    """Return a whole split in its order, in batches, as the model takes it."""
    return selected_rows(data, split, task, np.arange(data.rows(split)))


def selected_rows(data: Dataset, split: SplitName, task: LearningTask, chosen: Array) -> tf.data.Dataset:
    """Return chosen rows of a split, (rows,) of int64, in batches, as the model takes it."""
    inputs = {name: data.column(split, name) for name in task.kind.inputs}
    targets = data.column(split, task.kind.target).all()

    def raw() -> Iterator[Raw]:
        for start in range(0, len(chosen), BATCH):
            rows = chosen[start : start + BATCH]
            yield tuple(column.take(rows) for column in inputs.values()), targets[rows]

    signature = signature_of(inputs, targets, None)
    batches = tf.data.experimental.assert_cardinality(-(-len(chosen) // BATCH))
    return tf.data.Dataset.from_generator(raw, output_signature=signature).map(task.preprocess).apply(batches)


def rows_of(data: Dataset, split: SplitName, task: LearningTask, rows: Array) -> Inputs:
    """Return some rows of a split as the model takes them."""
    columns = tuple(tf.constant(data.column(split, name).take(rows)) for name in task.kind.inputs)
    return task.kind.preprocess_inputs(columns, task.metadata)
