"""Re-estimation of batch-norm statistics: pruned or clustered layers have other outputs than before."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from collections.abc import Iterator
from typing import Any

import numpy as np
from tf_keras import Model, layers

from tasks.compression.steps import Training
from tasks.core.errors import ParamsError
from tasks.core.params.recipes import ReEstimateBatchNorm
from tasks.core.progress import say
from tasks.data.records import Array
from tasks.models.batches import rows_of
from tasks.models.layers import copy_of
from tasks.models.training_loop import History

BATCH = 256


def re_estimate_batch_norm(model: Any, params: ReEstimateBatchNorm, training: Training) -> tuple[Any, History]:
    """Return a copy of `model` whose batch norms have mean and variance of their inputs; nothing else differs.

    The statistics are exact: layer by layer from the input on, each sees all rows through the layers before it, which
    have their new statistics already. The rows are training rows as they are at inference, without augmentation.

    Raises:
        ParamsError: the model has no batch normalisation.
    """
    network = copy_of(model)
    norms = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    if not norms:
        raise ParamsError(
            got=f"{training.name}: re_estimate_batch_norm for a model without batch normalisation",
            do="remove the step from the recipe",
        )
    available = len(training.data.column("train", training.task.kind.inputs[0]))
    count = min(params.rows, available)
    rows = np.sort(np.random.default_rng(params.seed).choice(available, count, replace=False))
    for layer in norms:
        before = Model(network.input, layer.input)
        mean, variance = _moments(
            before(rows_of(training.data, "train", training.task, rows[start : start + BATCH]), training=False).numpy()
            for start in range(0, count, BATCH)
        )
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
    say(f"{training.name}-re_estimate_batch_norm: {len(norms)} layers, from {count} rows")
    return network, []


def _moments(batches: Iterator[Array]) -> tuple[Array, Array]:
    """Return mean and variance of each channel, the last axis; the sums are taken around the first batch's mean."""
    count, first, second = 0, np.zeros(()), np.zeros(())
    centre: Array | None = None
    for batch in batches:
        values = batch.reshape(-1, batch.shape[-1]).astype(np.float64)
        centre = values.mean(axis=0) if centre is None else centre
        count += len(values)
        first = first + (values - centre).sum(axis=0)
        second = second + np.square(values - centre).sum(axis=0)
    assert centre is not None  # there is a row at least
    return centre + first / count, second / count - np.square(first / count)
