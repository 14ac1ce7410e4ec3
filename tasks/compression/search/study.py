"""A search in generations: Optuna chooses the trials, poor ones end early, a killed search goes on as it would have.

Equal seeds give equal trials: all of a generation are chosen before any is measured, with a sampler seeded by the
trial's number, and outcomes are told in the order of numbers, whichever came first.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import optuna

from tasks.compression.search.pareto import ranked
from tasks.compression.search.sensitivity import Sensitivity
from tasks.compression.search.space import FIRST, recipe_of, shortened
from tasks.compression.search.trial import Outcome
from tasks.contracts.params import Search
from tasks.contracts.progress import Progress
from tasks.contracts.recipes import Recipe

# Of each generation this part is trained to the end, after a first look at this part of the epochs.
KEPT, FIRST_LOOK = 0.5, 0.25

# Measures recipes by their names, side by side, and returns the outcomes in the order of the recipes.
Measure = Callable[[dict[str, Recipe]], list[Outcome]]


@dataclass(frozen=True)
class Found:
    """A recipe that was trained to the end, and what it came to."""

    number: int
    technique: str
    recipe: Recipe
    outcome: Outcome


def search(params: Search, layers: list[Sensitivity], measure: Measure) -> list[Found]:
    """Run all generations and return the trials that were trained to the end, in the order of their numbers."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["minimize", "minimize"])
    for first in FIRST[: params.trials]:
        study.enqueue_trial(first)
    found: list[Found] = []
    progress, started = Progress(params.trials), time.monotonic()
    while len(study.trials) - _waiting(study) < params.trials:
        if params.max_minutes and time.monotonic() - started > 60 * params.max_minutes:
            break
        count = min(params.generation, params.trials - len(study.trials) + _waiting(study))
        found += _generation(study, count, params, layers, measure)
        smallest = min(found, key=lambda one: one.outcome.zip_bytes).outcome.zip_bytes if found else 0
        progress.advance(f"search: {len(found)} trained to the end, smallest {smallest:,} zip bytes", by=count)
    return found


def _waiting(study: optuna.Study) -> int:
    return sum(trial.state == optuna.trial.TrialState.WAITING for trial in study.trials)


def _generation(
    study: optuna.Study, count: int, params: Search, layers: list[Sensitivity], measure: Measure
) -> list[Found]:
    asked = []
    for _ in range(count):
        study.sampler = _sampler(params.seed, len(study.trials))
        asked.append(study.ask())
    recipes = {trial.number: recipe_of(trial, params, layers) for trial in asked}
    looks = measure({f"trial-{number}-look": shortened(recipe, FIRST_LOOK) for number, recipe in recipes.items()})
    promising = {number: look for number, look in zip(recipes, looks, strict=True) if not look.failed}
    kept = set(ranked(promising)[: max(1, round(KEPT * count))])
    whole = measure({f"trial-{number}": recipe for number, recipe in recipes.items() if number in kept})
    numbers = [number for number in recipes if number in kept]
    outcomes = {number: outcome for number, outcome in zip(numbers, whole, strict=True) if not outcome.failed}
    for trial in asked:
        if trial.number in outcomes:
            outcome = outcomes[trial.number]
            study.tell(trial, [outcome.zip_bytes, outcome.accuracy_drop])
        else:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    techniques = {trial.number: trial.params["technique"] for trial in asked}
    return [Found(number, techniques[number], recipes[number], outcome) for number, outcome in outcomes.items()]


def _sampler(seed: int, number: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=1_000_003 * seed + number, n_startup_trials=8)
