"""A search in generations: Optuna chooses the trials, poor ones end early, a killed search goes on as it would have.

Equal seeds give equal trials: all of a generation are chosen before any is measured, with a sampler seeded by the
trial's number, and outcomes are told in the order of numbers, whichever came first.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import optuna

from tasks.compression.search.pareto import is_within, ranked
from tasks.compression.search.sensitivity import Sensitivity
from tasks.compression.search.space import FIRST, recipe_of, shortened
from tasks.compression.search.trial import Outcome
from tasks.contracts.params import Search
from tasks.contracts.progress import Progress
from tasks.contracts.recipes import Recipe

# Of each generation at most this part is trained to the end, after a first look at this part of the epochs.
KEPT, FIRST_LOOK = 0.5, 0.25

# Measures recipes by their names, side by side, and returns the outcomes in the order of the recipes.
Measure = Callable[[dict[str, Recipe]], list[Outcome]]


@dataclass(frozen=True)
class Found:
    """A recipe that was trained, and what it came to.

    Attributes:
        name: of the trial; a first look is a recipe of fewer epochs, and stands for itself.
        technique: the branch of the tree.
        recipe: as it was trained.
        outcome: what was measured.
    """

    name: str
    technique: str
    recipe: Recipe
    outcome: Outcome


def search(params: Search, layers: list[Sensitivity], measure: Measure) -> list[Found]:
    """Run all generations and return everything that was trained, first looks too, in the order of the trials."""
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
        sizes = [one.outcome.zip_bytes for one in found if is_within(one.outcome, params)]
        told = f"smallest inside the bounds {min(sizes):,} zip bytes" if sizes else "none inside the bounds yet"
        progress.advance(f"search: {len(found)} recipes measured, {told}", by=count)
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
    wholes = {trial.number: recipe_of(trial, params, layers) for trial in asked}
    looks = {number: shortened(recipe, FIRST_LOOK) for number, recipe in wholes.items()}
    found = _measured({f"trial {number}, first look": looks[number] for number in looks}, asked, measure)
    seen = dict(zip(looks, found, strict=True))
    hopeful = ranked({number: one.outcome for number, one in seen.items() if not one.outcome.failed}, params)
    trainable = [number for number in hopeful if wholes[number] != looks[number]]  # rounding alone trains nothing
    chosen = sorted(trainable[: max(1, round(KEPT * count))])
    trained = _measured({f"trial {number}": wholes[number] for number in chosen}, _of(asked, chosen), measure)
    last = seen | dict(zip(chosen, trained, strict=True))
    for trial in asked:
        outcome = last[trial.number].outcome
        if outcome.failed:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, [outcome.zip_bytes, outcome.accuracy_drop])
    return [one for one in (*found, *trained) if not one.outcome.failed]


def _of(asked: list[optuna.Trial], numbers: list[int]) -> list[optuna.Trial]:
    return [trial for trial in asked if trial.number in numbers]


def _measured(recipes: dict[str, Recipe], trials: list[optuna.Trial], measure: Measure) -> list[Found]:
    """Measure a recipe for each of the trials."""
    outcomes = measure(recipes) if recipes else []
    return [
        Found(name, trial.params["technique"], recipe, outcome)
        for (name, recipe), trial, outcome in zip(recipes.items(), trials, outcomes, strict=True)
    ]


def _sampler(seed: int, number: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=1_000_003 * seed + number, n_startup_trials=8)
