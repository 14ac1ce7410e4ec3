"""A search under a budget: the same trials for the same seed, killed on the way or not."""

import json
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from tasks.compression.search.space import FIRST, TECHNIQUES, Sensitivity, recipe_of, shortened
from tasks.compression.search.study import CHOOSING, CONFIRMING, confirmed, front, ranked, search
from tasks.compression.search.trial import Outcome
from tasks.core.files import read_json
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Search
from tasks.line import params_file
from tasks.metrics.bootstrap import accuracy_drop
from tests.tasks import line

LAYERS = [
    Sensitivity("conv_0", 72, 1.5, [10, 20, 30, 40], [0.0, 0.0, 0.01, 0.1]),
    Sensitivity("conv_1", 1152, 0.2, [100, 300, 500, 900], [0.0, 0.0, 0.0, 0.02]),
]


def section(**changes: Any) -> Search:
    return Search.model_validate(line.complete("params.yaml")["search"] | changes)


def outcome(zip_bytes: int, drop: float, failed: str | None = None) -> Outcome:
    return Outcome(zip_bytes, 0.9 - drop, drop, [drop - 0.01, drop + 0.01], [], failed)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_branch_of_the_tree_is_a_recipe_that_can_work(technique: str) -> None:
    for spread in (0.0, 1.0):
        chosen = {
            "technique": technique, "spread": spread, "noise_per_bit": 1e-7, "sparsity": 0.7, "clusters": 8,
            "weight_step": 1.5,
        }  # fmt: skip
        recipe = recipe_of(optuna.trial.FixedTrial(chosen), section(), LAYERS)
        assert recipe.precision == "int8" and recipe.finish[-1].step == "slim"
        assert sum(step.fit.epochs for step in recipe.steps) <= section().fit.epochs  # type: ignore[union-attr, misc]


def test_the_layer_that_bears_more_gets_the_coarser_grid() -> None:
    chosen = {"technique": "coarse", "spread": 1.0, "noise_per_bit": 1e-7, "weight_step": 1.5}
    (step,) = recipe_of(optuna.trial.FixedTrial(chosen), section(), LAYERS).steps
    assert step.layers["conv_0"] < 1.5 < step.layers["conv_1"]  # type: ignore[union-attr,operator]
    (even,) = recipe_of(optuna.trial.FixedTrial(chosen | {"spread": 0.0}), section(), LAYERS).steps
    assert set(even.layers.values()) == {1.5}  # type: ignore[union-attr]


def test_the_numbers_of_a_recipe_are_short_since_dvc_does_not_keep_the_last_digits_of_a_float() -> None:
    chosen = {"technique": "pruned_coarse", "spread": 0.123456789, "sparsity": 0.512345678, "weight_step": 1.23456789}
    recipe = recipe_of(optuna.trial.FixedTrial(chosen | {"noise_per_bit": 2.616468385606429e-7}), section(), LAYERS)
    assert recipe.steps[0].sparsity == 0.51 and recipe.steps[1].weight_step == 1.23  # type: ignore[union-attr]
    assert recipe.finish[0].noise_per_bit == 2.6e-7  # type: ignore[union-attr]


def test_a_first_look_trains_for_a_part_of_the_epochs() -> None:
    recipe = recipe_of(optuna.trial.FixedTrial(FIRST[3]), section(), LAYERS)
    looked = shortened(recipe, 0.25)
    assert [step.fit.epochs for step in looked.steps] == [4, 4]  # type: ignore[union-attr]
    assert looked.finish == recipe.finish


def test_the_front_is_what_nothing_beats_in_both() -> None:
    outcomes = {0: outcome(100, 0.0), 1: outcome(50, 0.01), 2: outcome(60, 0.02), 3: outcome(40, 0.05)}
    assert front(outcomes) == [0, 1, 3]
    assert ranked(outcomes, section(max_accuracy_drop=0.1)) == [3, 1, 0, 2]
    assert ranked(outcomes, section(max_accuracy_drop=0.012)) == [1, 0, 2, 3]  # 3 is out of reach


def with_losses(zip_bytes: int, drop: float, lost: int, rows: int = 400) -> Outcome:
    """An outcome that loses `lost` of the confirming rows against a reference that has all of them right."""
    right = [True] * rows
    right[CONFIRMING] = [False] * lost + [True] * (rows // 2 - lost)
    return Outcome(zip_bytes, 0.9 - drop, drop, [drop, drop], right, None)


def test_what_looks_good_is_tested_on_other_rows_with_intervals_that_hold_all_at_once() -> None:
    outcomes = {
        "safe": with_losses(100, 0.00, lost=0),
        "small": with_losses(60, 0.01, lost=1),
        "lucky": with_losses(50, 0.02, lost=40),
        "poor": with_losses(40, 0.06, lost=0),
    }
    tested = confirmed(outcomes, [True] * 400, section(max_accuracy_drop=0.05), 0.95)
    assert {name: one.kept for name, one in tested.items()} == {"safe": True, "small": True, "lucky": False}
    assert tested["lucky"].accuracy_drop == 40 / 200
    alone = confirmed({"small": outcomes["small"]}, [True] * 400, section(max_accuracy_drop=0.05), 0.95)["small"]
    expected = accuracy_drop(np.full(200, True), np.array(outcomes["small"].right)[CONFIRMING], 0.95)
    assert alone.accuracy_drop_interval == expected["accuracy_drop_interval"]
    assert alone.accuracy_drop_interval[1] < tested["small"].accuracy_drop_interval[1]
    bounded = confirmed(outcomes, [True] * 400, section(max_accuracy_drop=0.05, max_zip_bytes=60), 0.95)
    assert list(bounded) == ["small", "lucky"]


def test_the_choice_breaks_the_bound_no_more_often_than_a_single_test_would() -> None:
    random, rows, broken = np.random.default_rng(0), 1000, 0
    lost, won = 0.0441, 0.3  # of the right and of the wrong rows: the true drop is 0.93 * 0.0441 - 0.07 * 0.3 = 0.02
    for _ in range(400):  # searches of 12 trials, none of which deserves to be chosen
        reference = random.random(rows) < 0.93
        outcomes = {}
        for trial in range(12):
            right = np.where(reference, random.random(rows) >= lost, random.random(rows) < won)
            drop = float(reference[CHOOSING].mean() - right[CHOOSING].mean())
            outcomes[str(trial)] = Outcome(100 + trial, 0.93 - drop, drop, [drop, drop], right.tolist(), None)
        tested = confirmed(outcomes, reference.tolist(), section(max_accuracy_drop=0.02), 0.95)
        broken += any(one.kept for one in tested.values())
    assert 0 < broken <= 0.05 * 400


def computed(recipes: dict[str, Recipe]) -> list[Outcome]:
    """An outcome that follows from the recipe alone, in place of minutes of training."""
    results = []
    for recipe in recipes.values():
        text = json.dumps(recipe.model_dump(mode="json"), sort_keys=True)
        spent = sum(map(ord, text)) % 1000
        results.append(outcome(5000 + 7 * spent, spent / 50_000, "no luck" if spent % 7 == 0 else None))
    return results


def test_a_search_measures_all_trials_and_ends_the_poor_half_early() -> None:
    asked: list[str] = []

    def measure(recipes: dict[str, Recipe]) -> list[Outcome]:
        asked.extend(recipes)
        return computed(recipes)

    found = search(section(trials=10, generation=4), LAYERS, measure)
    looks = [name for name in asked if name.endswith("first look")]
    assert looks == [f"trial {number}, first look" for number in range(10)]
    assert 1 <= len(asked) - len(looks) <= 5
    assert {one.name for one in found} < set(asked) and all(one.outcome.failed is None for one in found)


def test_equal_seeds_choose_equal_trials_and_other_seeds_others() -> None:
    first, again, other = (search(section(seed=seed), LAYERS, computed) for seed in (0, 0, 1))
    assert first == again != other


@pytest.fixture
def small(tiny_line: Path, tmp_path: Path) -> Path:
    """The tiny line with a search of three trials."""
    folder = Path(shutil.copytree(tiny_line, tmp_path / "line"))
    params = line.tiny_params()
    params["search"] |= {"trials": 3, "generation": 2, "max_accuracy_drop": 1.0, "fit": line.fit(2, 1e-3)}
    line.write_params(folder, params)
    return folder


@pytest.mark.slow
def test_a_killed_search_goes_on_to_the_same_pareto_set_and_the_recipe_is_in_the_parameters(small: Path) -> None:
    undisturbed = Path(shutil.copytree(small, small.parent / "undisturbed"))
    done = line.run(undisturbed, "tasks.commands.search ")
    assert done.returncode == 0, done.stdout
    process = line.start(small, [sys.executable, "-m", "tasks.commands.search"])
    journal = next_journal(small)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert "trial " in journal.read_text() and not (small / "reports/search").exists()
    again = line.run(small, "tasks.commands.search ")
    assert again.returncode == 0, again.stdout
    assert line.tree(small / "reports/search") == line.tree(undisturbed / "reports/search")
    params = params_file.load(small / "params.yaml")
    (chosen,) = (one for one in read_json(small / "reports/search/pareto.json")["trials"] if one["chosen"])
    assert params.compress["searched"] == Recipe.model_validate(chosen["recipe"])
    before = (small / "params.yaml").read_bytes()
    assert line.run(small, "tasks.commands.search ").returncode == 0  # all of it is in the journal
    assert (small / "params.yaml").read_bytes() == before


def next_journal(folder: Path) -> Path:
    """Wait for the first trial in the journal."""
    for _ in range(1200):
        journals = list((folder / ".trimline").glob("search-*.jsonl"))
        if journals and "trial " in journals[0].read_text():
            return journals[0]
        time.sleep(0.1)
    raise AssertionError("no trial was measured")


def test_where_no_trial_keeps_the_bounds_each_is_shown_and_the_parameters_stay(small: Path) -> None:
    params = line.tiny_params()
    params["search"] |= {"trials": 2, "generation": 2, "max_zip_bytes": 100, "fit": line.fit(1, 1e-3)}
    line.write_params(small, params)
    before = (small / "params.yaml").read_bytes()
    done = line.run(small, "tasks.commands.search ")
    assert done.returncode == 1 and "zip bytes > 100" in done.stdout
    assert (small / "params.yaml").read_bytes() == before


def test_a_latency_that_int8_cannot_keep_is_refused_before_any_training(small: Path) -> None:
    params = line.tiny_params()
    params["search"] |= {"max_latency_us": 1e-3}
    line.write_params(small, params)
    done = line.run(small, "tasks.commands.search ")
    assert done.returncode == 1 and "at most 0.001 us" in done.stdout and "trial " not in done.stdout


def test_without_the_float_parent_the_first_command_to_run_is_told(tmp_path: Path) -> None:
    folder = line.create(tmp_path / "line")
    done = line.run(folder, "tasks.commands.search ")
    assert done.returncode == 65 and "dvc repro fine_tune" in done.stdout
