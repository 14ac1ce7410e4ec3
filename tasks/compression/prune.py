"""Magnitude pruning (Zhu and Gupta 2017, arXiv:1710.01878) by TFMOT."""

from typing import Any

import tensorflow_model_optimization as tfmot

from tasks.compression.copies import copy_of
from tasks.compression.sparsity import require_sparsity, sparsity_of
from tasks.contracts.params import Prune
from tasks.data.columns import Dataset
from tasks.models.batches import Batches
from tasks.models.checkpoint import Checkpoint
from tasks.models.fitting import History, fit
from tasks.models.saving import Facts

# The schedule ends before the training does, so that the weights that are left can recover.
RAMP_FRACTION = 0.6


def prune(
    model: Any, params: Prune, data: Dataset, facts: Facts, checkpoint: Checkpoint, name: str
) -> tuple[Any, float, History]:
    """Return a pruned copy of `model`, the sparsity of its kernels, and the history.

    Raises:
        StageError: the schedule did not reach `params.sparsity`.
    """
    steps = Batches(data, facts, params.fit).steps * params.fit.epochs
    schedule = tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=params.sparsity,
        begin_step=0,
        end_step=int(RAMP_FRACTION * steps),
        frequency=max(1, steps // 100),
    )
    wrapped = tfmot.sparsity.keras.prune_low_magnitude(copy_of(model), pruning_schedule=schedule)
    history = fit(
        wrapped, data, facts, params.fit, checkpoint,
        name=name,
        callbacks=lambda: [tfmot.sparsity.keras.UpdatePruningStep()],
        early_stopping=False,
    )  # fmt: skip
    pruned = copy_of(tfmot.sparsity.keras.strip_pruning(wrapped))
    require_sparsity(sparsity_of(pruned), params.sparsity, name)
    return pruned, sparsity_of(pruned), history
