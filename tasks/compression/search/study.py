"""A search in generations: Optuna chooses trials, poor ones end early, the best is confirmed on other rows.

The smallest of many trials that look good on some rows looks better there than it is. So those that look good where
the choice is made are tested on rows that it has not seen, all at once: with intervals wide enough that, with the
requested confidence, none of them is wrong (Bonferroni). Of those that keep the bound the smallest is the choice.

Equal seeds give equal trials: all of a generation are chosen before any is measured, with a sampler seeded by the
trial's number, and outcomes are reported to Optuna in the order of the numbers, whichever came first.
"""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import optuna

from tasks.compression.search.space import FIRST, Sensitivity, recipe_of, shortened
from tasks.compression.search.trial import Outcome
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Search
from tasks.core.progress import Progress
from tasks.metrics.bootstrap import accuracy_drop

Key = TypeVar("Key", int, str)


def is_within(outcome: Outcome, bounds: Search) -> bool:
    """Whether an outcome may keep the bounds, as far as the rows that choose can say: by its estimate."""
    small = bounds.max_zip_bytes is None or outcome.zip_bytes <= bounds.max_zip_bytes
    return small and outcome.accuracy_drop <= bounds.max_accuracy_drop


def front(outcomes: Mapping[Key, Outcome]) -> list[Key]:
    """Return the keys of the outcomes that none is better than in one of zip bytes and drop, and as good in both."""
    points = {key: (outcome.zip_bytes, outcome.accuracy_drop) for key, outcome in outcomes.items()}
    return [
        key
        for key, (size, drop) in points.items()
        if not any(other != (size, drop) and other[0] <= size and other[1] <= drop for other in points.values())
    ]


def ranked(outcomes: Mapping[int, Outcome], bounds: Search) -> list[int]:
    """Return the numbers by what more training may make of them.

    First those whose drop may lie inside the bound: the front of them, then the front of the others, and so on, small
    files first. Then those that it does not, even at the lower end of its interval.
    """
    hopeful = [number for number, one in outcomes.items() if one.accuracy_drop_interval[0] <= bounds.max_accuracy_drop]
    left = {number: outcomes[number] for number in hopeful}
    order: list[int] = []
    while left:
        best = sorted(front(left), key=lambda number: (left[number].zip_bytes, number))
        order += best
        left = {number: outcome for number, outcome in left.items() if number not in best}
    return order + sorted(set(outcomes) - set(order), key=lambda number: (outcomes[number].accuracy_drop, number))


STRIDE = 2
CHOOSING, CONFIRMING = slice(0, None, STRIDE), slice(1, None, STRIDE)


@dataclass(frozen=True)
class Confirmation:
    """What the confirming rows say of a recipe.

    Attributes:
        accuracy_drop: against float32 on the same rows.
        accuracy_drop_interval: of it, paired, widened for the number of recipes that are tested.
        kept: whether the upper end of the interval is inside the bound.
    """

    accuracy_drop: float
    accuracy_drop_interval: list[float]
    kept: bool


def confirmed(
    outcomes: Mapping[str, Outcome], reference: list[bool], bounds: Search, confidence: float
) -> dict[str, Confirmation]:
    """Test every recipe that keeps the bounds on the choosing rows by its estimate.

    Args:
        outcomes: of the trials, by their names; their drops are those on the choosing rows.
        reference: which rows the float32 file gets right.
        bounds: of the drop and the size.
        confidence: that all of the intervals hold.
    """
    hopeful = {name: one for name, one in outcomes.items() if is_within(one, bounds)}
    before, widened = np.array(reference)[CONFIRMING], 1 - (1 - confidence) / max(len(hopeful), 1)
    tested = {}
    for name, one in hopeful.items():
        compared = accuracy_drop(before, np.array(one.right)[CONFIRMING], widened)
        upper = compared["accuracy_drop_interval"][1]
        tested[name] = Confirmation(**compared, kept=upper <= bounds.max_accuracy_drop)
    return tested


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
        summary = f"smallest inside the bounds {min(sizes):,} zip bytes" if sizes else "none inside the bounds yet"
        progress.advance(f"search: {len(found)} recipes measured, {summary}", by=count)
    return found


def _waiting(study: optuna.Study) -> int:
    return sum(trial.state == optuna.trial.TrialState.WAITING for trial in study.trials)


def _generation(
    study: optuna.Study, count: int, params: Search, layers: list[Sensitivity], measure: Measure
) -> list[Found]:
    suggested = []
    for _ in range(count):
        study.sampler = _sampler(params.seed, len(study.trials))
        suggested.append(study.ask())
    wholes = {trial.number: recipe_of(trial, params, layers) for trial in suggested}
    looks = {number: shortened(recipe, FIRST_LOOK) for number, recipe in wholes.items()}
    found = _measured({f"trial {number}, first look": looks[number] for number in looks}, suggested, measure)
    seen = dict(zip(looks, found, strict=True))
    hopeful = ranked({number: one.outcome for number, one in seen.items() if not one.outcome.failed}, params)
    trainable = [number for number in hopeful if wholes[number] != looks[number]]  # rounding alone trains nothing
    chosen = sorted(trainable[: max(1, round(KEPT * count))])
    trained = _measured({f"trial {number}": wholes[number] for number in chosen}, _of(suggested, chosen), measure)
    last = seen | dict(zip(chosen, trained, strict=True))
    for trial in suggested:
        outcome = last[trial.number].outcome
        if outcome.failed:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, [outcome.zip_bytes, outcome.accuracy_drop])
    return [one for one in (*found, *trained) if not one.outcome.failed]


def _of(suggested: list[optuna.Trial], numbers: list[int]) -> list[optuna.Trial]:
    return [trial for trial in suggested if trial.number in numbers]


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
