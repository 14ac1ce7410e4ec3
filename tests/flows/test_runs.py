"""`trimline runs`: the columns in which runs differ, and the best recipe of each."""

from flows import runs
from flows.pipeline import where

ROWS = [
    {"Experiment": "workspace", "Created": "", "best.recipe": "int8", "train.filters": "8", "train.fit.epochs": "3"},
    {"Experiment": "main", "Created": "2026", "best.recipe": "int8", "train.filters": "8", "train.fit.epochs": "5"},
]


def test_what_is_the_same_in_all_rows_is_left_out_but_for_the_best_recipe() -> None:
    assert list(runs.differing(ROWS)[0]) == ["Experiment", "Created", "best.recipe", "train.fit.epochs"]
    assert list(runs.differing(ROWS[:1])[0]) == ["Experiment", "Created", "best.recipe"]


def test_the_table_is_aligned_and_has_a_line_for_each_row() -> None:
    lines = runs.table(ROWS).splitlines()
    assert len(lines) == 3 and lines[0].index("best.recipe") == lines[1].index("int8") == lines[2].index("int8")


def test_a_run_says_which_stage_of_how_many_comes_and_what_is_left() -> None:
    assert where(6, 32, "compress@int8", 3.0) == "stage 7 of 32: compress@int8"
    assert where(16, 32, "export@int8", 240.0) == "stage 17 of 32: export@int8, about 4 min left"
    assert where(0, 1, "plan", 0.0) == "stage 1 of 1: plan"
