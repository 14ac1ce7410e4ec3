"""Decides which recipe may be released: `dvc repro verdict`. It ends with 0 whether one may or none."""

from pathlib import Path

from tasks.core.files import replacing, write_json
from tasks.core.params.gates import Device, Release
from tasks.core.params.recipes import Recipe
from tasks.core.progress import say
from tasks.metrics.gates import Candidate, apply_gates, failed, nearest, require_exactly, smallest_passing


def verdict(
    release: Release,
    compress: dict[str, Recipe],
    device: Device,
    *,
    models: Path,
    evaluations: Path,
    profiles: Path,
    verdict: Path,
) -> None:
    """Apply every gate to every recipe and write the decision.

    The document has `released`, the `chosen` recipe (null where none passes), `described`, which is the chosen recipe
    or the one that came nearest, `device`, `gates` of the described recipe, and all `candidates` with their gates.

    Raises:
        DataError: a folder holds results of a recipe that is not in the settings, or a gate names no metric.
    """
    recipes = list(compress)
    require_exactly(recipes, models=models, evaluations=evaluations, profiles=profiles)
    candidates = [apply_gates(recipe, evaluations, profiles, release, device) for recipe in recipes]
    chosen = smallest_passing(candidates)
    described = chosen or nearest(candidates)
    document = {
        "released": chosen is not None,
        "chosen": chosen and chosen.recipe,
        "described": described.recipe,
        "device": device.description,
        "gates": [gate.recorded() for gate in described.gates],
        "candidates": [candidate.recorded() for candidate in candidates],
    }
    with replacing(verdict) as partial:
        write_json(partial, document)
    say("\n".join(["[100%] verdict: " + _summary(chosen, described), *map(_reasons, candidates)]))


def _summary(chosen: Candidate | None, described: Candidate) -> str:
    if chosen:
        return f"{chosen.recipe} passes all {len(chosen.gates)} gates with {chosen.zip_bytes:,} zip bytes"
    return f"no recipe passes every gate; {described.recipe} is nearest"


def _reasons(candidate: Candidate) -> str:
    return f"  {candidate.recipe}: {'; '.join(failed(candidate.gates)) or 'passes every gate'}"
