"""Magnitude pruning (Zhu and Gupta 2017, arXiv:1710.01878) by TFMOT."""

from typing import Any

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow_model_optimization as tfmot
from tf_keras import layers, models

from tasks.compression.steps import Training
from tasks.compression.steps.sparsity import require_sparsity, require_two_of_four
from tasks.core.params.recipes import Prune
from tasks.models.batches import Batches
from tasks.models.layers import copy_of, copy_with_weights_of, per_layer
from tasks.models.training_loop import History

# The schedule ends before the training does, so that the weights that are left can recover.
RAMP_FRACTION = 0.6
# Of a Keras kernel, (inputs, outputs); the file has it the other way round, where 1x4 is four inputs of one output.
BLOCKS = {"block_1x4": (4, 1), "block_4x4": (4, 4)}


def prune(model: Any, params: Prune, training: Training) -> tuple[Any, History]:
    """Return a pruned copy of `model`, and the history.

    2_of_4 is put in whole at the first step, whatever the schedule; of four inputs that are fewer (the grey channel of
    a first convolution, the rest of a division by four) it keeps the two largest.

    Raises:
        ParamsError: `params.layers` names a layer that the model lacks.
        StageError: a layer did not reach its sparsity, or the pattern is broken.
    """
    targets = per_layer(model, params.sparsity, params.layers, "prune")
    steps = Batches(training.data, training.task, params.fit).steps * params.fit.epochs

    def wrapped(layer: Any) -> Any:
        if not targets.get(layer.name):
            return layer
        return tfmot.sparsity.keras.prune_low_magnitude(
            layer, pruning_schedule=schedule_of(params, targets[layer.name], steps), **_pattern(layer, params)
        )

    network = models.clone_model(copy_of(model), clone_function=wrapped)
    history = training.run(
        network, params, callbacks=lambda: [tfmot.sparsity.keras.UpdatePruningStep()], early_stopping=False
    )
    pruned = copy_with_weights_of(tfmot.sparsity.keras.strip_pruning(network), model)
    if params.pattern == "2_of_4":
        require_two_of_four(pruned, [name for name in targets if targets[name]], f"{training.name}-prune")
    else:
        require_sparsity(pruned, targets, f"{training.name}-prune", BLOCKS.get(params.pattern, (1, 1)))
    return pruned, history


def schedule_of(params: Prune, sparsity: float, steps: int) -> Any:
    """Return a layer's sparsity over `steps` optimizer steps; masks are recomputed every hundredth of them."""
    frequency = max(1, steps // 100)
    if params.schedule == "constant":
        return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=0, frequency=frequency)
    updates = max(1, int(RAMP_FRACTION * steps) // frequency)  # whole: the last must fall on the end of the ramp
    return tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0, final_sparsity=sparsity, begin_step=0, end_step=updates * frequency, frequency=frequency
    )


def _pattern(layer: Any, params: Prune) -> dict[str, Any]:
    if params.pattern == "2_of_4":
        return {"sparsity_m_by_n": (2, 4)}
    is_block = params.pattern in BLOCKS and isinstance(layer, layers.Dense | layers.Embedding)
    return {"block_size": BLOCKS[params.pattern]} if is_block else {}
