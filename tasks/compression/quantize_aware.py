"""Quantization-aware training, int8 per channel (Jacob et al. 2017, arXiv:1712.05877), by TFMOT."""

from typing import Any

import tensorflow_model_optimization as tfmot

from tasks.compression.copies import copy_of
from tasks.compression.sparsity import require_sparsity, sparsity_of
from tasks.contracts.params import QuantizeAware
from tasks.data.columns import Dataset
from tasks.models.checkpoint import Checkpoint
from tasks.models.fitting import History, fit
from tasks.models.saving import Facts


def quantize_aware(
    model: Any, params: QuantizeAware, data: Dataset, facts: Facts, checkpoint: Checkpoint, name: str
) -> tuple[Any, float | None, History]:
    """Return a quantization-aware copy of `model`, the sparsity that it kept, and the history.

    The range of the input is not left to the rows that were seen: it is that of all raw values, 0 to 255.

    Raises:
        StageError: zeros of a pruned model were lost.
    """
    before = sparsity_of(model)
    annotated = tfmot.quantization.keras.quantize_annotate_model(copy_of(model))
    if params.preserve_sparsity:
        scheme = tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme()
        aware = tfmot.quantization.keras.quantize_apply(annotated, scheme)
    else:
        aware = tfmot.quantization.keras.quantize_apply(annotated)
    history = fit(aware, data, facts, params.fit, checkpoint, name=name)
    set_input_range(aware, facts)
    if not params.preserve_sparsity:
        return aware, None, history
    require_sparsity(sparsity_of(aware), before, name)
    return aware, sparsity_of(aware), history


def set_input_range(aware: Any, facts: Facts) -> None:
    """Set the range of the layer that quantizes the input to that of all raw values."""
    layer = next(layer for layer in aware.layers if type(layer).__name__ == "QuantizeLayer")
    bounds = {"min": -facts.mean / facts.std, "max": (255 - facts.mean) / facts.std}
    for weight in layer.weights:
        for suffix, value in bounds.items():
            if weight.name.endswith(f"_{suffix}:0"):
                weight.assign(value)
