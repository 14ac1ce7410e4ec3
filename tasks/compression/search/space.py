"""The tree of recipes that a search walks, with the sensible ones first."""

from typing import Any, Protocol

import numpy as np

from tasks.compression.search.sensitivity import Sensitivity
from tasks.contracts.params import Search
from tasks.contracts.recipes import Recipe
from tasks.contracts.training import Fit

TECHNIQUES = ["round", "coarse", "pruned_coarse", "clustered"]
# Where a search begins, so that a short one has seen every branch that is worth its time.
FIRST: list[dict[str, Any]] = [
    {"technique": "round", "noise_per_bit": 1e-7, "spread": 1.0},
    {"technique": "coarse", "weight_step": 1.2, "spread": 0.5, "noise_per_bit": 1e-8},
    {"technique": "coarse", "weight_step": 1.8, "spread": 0.5, "noise_per_bit": 1e-8},
    {"technique": "pruned_coarse", "sparsity": 0.5, "weight_step": 1.0, "spread": 0.5, "noise_per_bit": 1e-8},
]
# What layers may be given: int8's own grid is about as fine as the least step.
STEP_RANGE, SPARSITY_RANGE, CLUSTER_RANGE = (0.1, 4.0), (0.0, 0.95), (2, 256)


class Trial(Protocol):
    """What of `optuna.trial.Trial` is needed."""

    def suggest_categorical(self, name: str, choices: list[str]) -> Any: ...  # noqa: D102
    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...  # noqa: D102
    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...  # noqa: D102


def recipe_of(trial: Trial, params: Search, layers: list[Sensitivity]) -> Recipe:
    """Return the recipe that a trial's choices describe; every recipe trains for as many steps.

    Numbers are rounded: they will be read in `params.yaml`, and DVC does not keep the last digits of a float.
    """
    technique = trial.suggest_categorical("technique", TECHNIQUES)
    spread = trial.suggest_float("spread", 0.0, 1.0)
    noise_per_bit = float(f"{trial.suggest_float('noise_per_bit', 1e-9, 1e-6, log=True):.1e}")
    finish = [{"step": "round_weights", "noise_per_bit": noise_per_bit}, {"step": "slim"}]
    steps: list[dict[str, Any]] = []
    if technique in {"pruned_coarse", "clustered"}:
        sparsity = round(trial.suggest_float("sparsity", 0.3, 0.8), 2)
        steps.append({
            "step": "prune", "schedule": "polynomial", "pattern": "unstructured", "sparsity": sparsity,
            "layers": _sparsities(sparsity, spread, layers),
        })  # fmt: skip
    if technique == "clustered":
        clusters = trial.suggest_int("clusters", 4, 32, log=True)
        steps.append({
            "step": "cluster", "clusters": clusters, "per_channel": False, "preserve_sparsity": True,
            "layers": _clusters(clusters, spread, layers),
        })  # fmt: skip
        steps.append(_aware(None, {}, clustered=True, pruned=True))
    elif technique != "round":
        step = round(trial.suggest_float("weight_step", 0.5, 2.5), 2)
        pruned = technique == "pruned_coarse"
        steps.append(_aware(step, _weight_steps(step, spread, layers), clustered=False, pruned=pruned))
    common = _common(params, len(steps))
    recipe = {
        "steps": [{**step, **common} for step in steps], "precision": "int8", "float_layers": [], "finish": finish,
    }  # fmt: skip
    return Recipe.model_validate(recipe)


def shortened(recipe: Recipe, fraction: float) -> Recipe:
    """Return the recipe with fewer epochs, for a first look."""
    document = recipe.model_dump()
    for step in document["steps"]:
        step["fit"]["epochs"] = max(1, round(step["fit"]["epochs"] * fraction))
    return Recipe.model_validate(document)


def _common(params: Search, num_steps: int) -> dict[str, Any]:
    epochs = max(1, params.fit.epochs // max(num_steps, 1))
    fit = Fit.model_validate({**params.fit.model_dump(), "epochs": epochs})
    distillation = params.distillation.model_dump() if params.distillation else None
    return {"distillation": distillation, "fit": fit.model_dump()}


def _aware(step: float | None, layers: dict[str, float], *, clustered: bool, pruned: bool) -> dict[str, Any]:
    return {
        "step": "quantize_aware", "preserve_sparsity": pruned, "preserve_clusters": clustered, "weight_step": step,
        "layers": layers,
    }  # fmt: skip


def _factors(layers: list[Sensitivity], spread: float) -> list[float]:
    """Return what the noise of each layer may be multiplied with, its geometric mean over all weights being 1.

    At the least noise for given bits every weight pays the same: gain * noise / weights is equal in all layers.
    """
    logs = [spread * float(np.log(layer.weights / layer.gain)) / 2 for layer in layers]
    middle = np.average(logs, weights=[layer.weights for layer in layers]) if layers else 0.0
    return [float(np.exp(value - middle)) for value in logs]


def _weight_steps(step: float, spread: float, layers: list[Sensitivity]) -> dict[str, float]:
    factors = zip(layers, _factors(layers, spread), strict=True)
    return {layer.name: _within(step * factor, STEP_RANGE) for layer, factor in factors}


def _sparsities(sparsity: float, spread: float, layers: list[Sensitivity]) -> dict[str, float]:
    factors = zip(layers, _factors(layers, spread), strict=True)
    return {layer.name: _within(1 - (1 - sparsity) / factor**0.5, SPARSITY_RANGE) for layer, factor in factors}


def _clusters(clusters: int, spread: float, layers: list[Sensitivity]) -> dict[str, int]:
    factors = zip(layers, _factors(layers, spread), strict=True)
    return {layer.name: round(_within(clusters / factor, CLUSTER_RANGE)) for layer, factor in factors}


def _within(value: float, bounds: tuple[float, float]) -> float:
    return round(min(max(value, bounds[0]), bounds[1]), 4)
