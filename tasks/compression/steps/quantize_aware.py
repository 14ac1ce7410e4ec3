"""Quantization-aware training, int8 per channel (Jacob et al. 2017, arXiv:1712.05877), by TFMOT."""

from typing import Any

from tasks.compression.annotating import aware_copy_of
from tasks.compression.kernels import kernels_of, per_layer
from tasks.compression.projections import Projection, attach, bake, values_of, zeros_of
from tasks.compression.rewriting import rewritten
from tasks.compression.sparsity import clusters_of, require_clusters, require_sparsity, sparsities_of
from tasks.compression.training import Training
from tasks.compression.weight_levels import Levels
from tasks.contracts.recipes import QuantizeAware
from tasks.models.fitting import History
from tasks.models.saving import Facts


def quantize_aware(model: Any, params: QuantizeAware, training: Training) -> tuple[Any, History]:
    """Return a quantization-aware copy of `model`, and the history.

    Layers that TFMOT cannot take are rewritten as ones that it can; the others are said and quantized after training.
    The range of the input is not left to the rows that were seen: it is that of all raw values, 0 to 255.

    Raises:
        ParamsError: `params.layers` names a layer that the model lacks.
        StageError: the model has layers that nothing can be known of, or zeros or clusters were lost.
    """
    where = f"{training.name}-quantize_aware"
    network = rewritten(model)
    per_layer(network, params.weight_step, params.layers, "quantize_aware")
    aware = aware_copy_of(network, where)
    attach(aware, _projections(aware, params))
    history = training.run(aware, params)
    bake(aware)
    if "normalisation" in training.facts.data:  # other kinds have no fixed range of raw values
        set_input_range(aware, training.facts)
    if params.preserve_sparsity:
        require_sparsity(aware, sparsities_of(network), where)
    if params.preserve_clusters:
        require_clusters(aware, clusters_of(network), where)
    return aware, history


def _projections(aware: Any, params: QuantizeAware) -> dict[str, list[Projection]]:
    """Return what each kernel keeps; the pointwise half of a separable convolution has one of its own by now."""
    found: dict[str, list[Projection]] = {}
    for name, kernel in kernels_of(aware).items():
        step = params.layers.get(name, params.weight_step)
        keep = values_of if params.preserve_clusters else zeros_of if params.preserve_sparsity else None
        found[name] = [keep(kernel)] if keep else []
        found[name] += [Levels(step, per_channel=kernel.ndim == 4)] if step else []
    return found


def set_input_range(aware: Any, facts: Facts) -> None:
    """Set the range of the layer that quantizes the input, where there is one, to that of all raw values."""
    bounds = {"min": -facts.mean / facts.std, "max": (255 - facts.mean) / facts.std}
    for layer in aware.layers:
        if type(layer).__name__ != "QuantizeLayer":
            continue
        for weight in layer.weights:
            for suffix, value in bounds.items():
                if weight.name.endswith(f"_{suffix}:0"):
                    weight.assign(value)
