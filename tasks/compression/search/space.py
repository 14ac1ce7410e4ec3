"""The search space of recipes, the sensible ones first, cut by the sensitivity of each layer."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tasks.compression.finish.round_weights import layers_of, output_gains, replace_kernel
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Search
from tasks.core.params.training import Fit
from tasks.data.records import Array
from tasks.tflite.file import File, feed, outputs
from tasks.tflite.sizes import zip_bytes

# Noise that is accepted per bit, from almost none to too much.
LADDER = (1e-8, 1e-7, 1e-6, 1e-5)


@dataclass(frozen=True)
class Sensitivity:
    """Of one layer.

    Attributes:
        name: of the Keras layer.
        weights: number of its weights.
        gain: how much of its own relative noise arrives at the logits, relative to their power.
        saved_bytes: zip bytes saved when it alone is rounded, for each of `LADDER`.
        changed: fraction of the rows whose answer changes then.
    """

    name: str
    weights: int
    gain: float
    saved_bytes: list[int]
    changed: list[float]

    def bytes_per_point(self) -> float:
        """Return zip bytes saved per percentage point of changed answers; more is a better place to save."""
        points = 100 * np.maximum(self.changed, 1e-4)  # one row in ten thousand: no change seen is not no change
        return float(np.max(np.asarray(self.saved_bytes) / points))


def sensitivities(content: bytes, names: list[str], calibration: Array, rows: Array) -> list[Sensitivity]:
    """Round each layer alone and see what it saves and what it costs.

    Args:
        content: of an int8 file.
        names: of the layers whose kernels the file has, in its order.
        calibration: rows as floats that statistics are taken from, (rows, ...).
        rows: rows as floats whose answers are compared, (rows, ...).
    """
    fed = feed(content, calibration)
    layers = layers_of(content, fed)
    shown = feed(content, rows)
    answers, size = outputs(content, shown).argmax(axis=-1), zip_bytes(content)
    found = []
    for layer, gain, name in zip(layers, output_gains(content, layers, fed), names, strict=True):
        saved, changed = [], []
        for noise_per_bit in LADDER:
            file = File(content)
            replace_kernel(file, layer, layer.kernel.rounded(noise_per_bit))
            rounded = file.content()
            saved.append(size - zip_bytes(rounded))
            changed.append(float((outputs(rounded, shown).argmax(axis=-1) != answers).mean()))
        found.append(Sensitivity(name, layer.kernel.weights.size, gain, saved, changed))
    return found


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
