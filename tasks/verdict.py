"""Decides which recipe may be released: `dvc repro verdict`. It ends with 0 whether one may or none."""

from pathlib import Path
from typing import Any

from tasks.core.files import read_json, replacing, write_json
from tasks.core.numbers import written
from tasks.core.params.gates import Device, Release
from tasks.core.params.recipes import Recipe
from tasks.core.progress import say
from tasks.metrics.candidates import (
    Candidate,
    accepted,
    apply_gates,
    compared_with_baselines,
    nearest,
    require_exactly,
    smallest_passing,
)
from tasks.metrics.gates import failed, undecided


def verdict(
    release: Release,
    compress: dict[str, Recipe],
    device: Device,
    *,
    models: Path,
    evaluations: Path,
    profiles: Path,
    baseline: Path,
    verdict: Path,
) -> None:
    """Apply every gate to every recipe and write the decision.

    The document has `released`, the `chosen` recipe (null where none passes), `described`, which is the chosen recipe
    or the one that came nearest, `device`, the number of test `rows`, `gates` of the described recipe, all `candidates`
    with their gates, `baselines` (the described recipe beside the strongest simple method), `accepted` (what
    `release.accept` says, where it holds; `not_accepted` says why it does not), and `classes_without_rows`.

    Raises:
        DataError: a folder holds results of a recipe that is not in the settings, or a gate names no metric.
    """
    recipes = list(compress)
    require_exactly(recipes, models=models, evaluations=evaluations, profiles=profiles)
    simple = read_json(baseline)
    candidates = [apply_gates(recipe, evaluations, profiles, simple, release, device) for recipe in recipes]
    taken, not_accepted = accepted(candidates, release.accept, models)
    chosen = taken or smallest_passing(candidates)
    described = chosen or nearest(candidates)
    measured = read_json(evaluations / described.recipe / "metrics.json")
    document = {
        "released": chosen is not None,
        "chosen": chosen and chosen.recipe,
        "described": described.recipe,
        "device": device.description,
        "rows": measured["rows"],
        "gates": [gate.recorded() for gate in described.gates],
        "candidates": [candidate.recorded() for candidate in candidates],
        "baselines": compared_with_baselines(measured, simple).recorded(),
        "accepted": release.accept.model_dump() if release.accept and taken else None,
        "not_accepted": not_accepted,
        "classes_without_rows": _classes_without_rows(measured),
    }
    with replacing(verdict) as partial:
        write_json(partial, document)
    say("\n".join(["[100%] verdict: " + _summary(document, described), *_remarks(document), *map(_line, candidates)]))


def _classes_without_rows(measured: dict[str, Any]) -> list[str]:
    return [name for name, figures in measured.get("per_class", {}).items() if not figures["rows"]]


def _summary(document: dict[str, Any], described: Candidate) -> str:
    if document["accepted"]:
        return f"{described.recipe} is accepted at its owner's risk: {document['accepted']['reason']}"
    if not document["released"]:
        return f"no recipe passes every gate; {described.recipe} is nearest"
    open_gates = len(undecided(described.gates))
    passed = f"{described.recipe} passes {len(described.gates) - open_gates} of {len(described.gates)} gates"
    left = f", {open_gates} undecided with these rows" if open_gates else ""
    return f"{passed}{left}, with {described.zip_bytes:,} zip bytes"


def _remarks(document: dict[str, Any]) -> list[str]:
    """Say what a reader has to know beside the gates."""
    compared, found = document["baselines"], []
    if compared["beaten"] is False:
        found.append(
            f"  the simple method {compared['strongest']} is better: {compared['metric']} "
            f"{written(compared['value'])} against {written(compared['network'])}"
        )
    if missing := document["classes_without_rows"]:
        found.append(f"  classes without a test row, which nothing here measures: {', '.join(missing)}")
    return [*found, *([f"  {document['not_accepted']}"] if document["not_accepted"] else [])]


def _line(candidate: Candidate) -> str:
    reasons = [*failed(candidate.gates), *(text for text in undecided(candidate.gates) if candidate.passes)]
    return f"  {candidate.recipe}: {'; '.join(reasons) or 'passes every gate'}"
