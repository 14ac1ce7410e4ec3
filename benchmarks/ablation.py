"""Each technique of compression alone and together, on the default line: the table of docs/compression.md.

python -m benchmarks.ablation FOLDER, where FOLDER is a checkout after `dvc repro fine_tune`. About 15 minutes.
"""

import os
import statistics
import sys
from pathlib import Path
from typing import Any

from tasks.compression.search.trial import Journal, Outcome, Task, Workers
from tasks.core import environment
from tasks.core.params.recipes import Recipe
from tasks.core.progress import say
from tasks.line import params_file
from tasks.line.params import Params
from tasks.reporting.results import markdown_table

SEEDS, EPOCHS = (0, 1, 2), 30
DISTILLED = {"weight": 0.9, "temperature": 3.0}
ROUND, SLIM, BIAS = {"step": "round_weights", "noise_per_bit": 1e-7}, {"step": "slim"}, {"step": "correct_bias"}
TUNE = {"step": "tune"}
PRUNE = {"step": "prune", "schedule": "polynomial", "pattern": "unstructured", "sparsity": 0.6, "layers": {}}
CONSTANT, HALF = PRUNE | {"schedule": "constant"}, PRUNE | {"pattern": "2_of_4", "sparsity": 0.5}
STATISTICS = {"step": "re_estimate_batch_norm", "rows": 1000}
CLUSTER = {"step": "cluster", "clusters": 16, "layers": {}, "per_channel": False, "preserve_sparsity": False}
AWARE = {
    "step": "quantize_aware", "preserve_sparsity": False, "preserve_clusters": False, "weight_step": None, "layers": {},
}  # fmt: skip
KEPT, CLUSTERED, COARSE = {"preserve_sparsity": True}, {"preserve_clusters": True}, {"weight_step": 1.5}
# name: training steps, precision, finish, distilled
ROWS: dict[str, tuple[list[dict[str, Any]], str, list[dict[str, Any]], bool]] = {
    "float32": ([], "float32", [], False),
    "float32, tuned on": ([TUNE], "float32", [], False),
    "float32, tuned on, distilled": ([TUNE], "float32", [], True),
    "float16": ([], "float16", [], False),
    "dynamic": ([], "dynamic", [], False),
    "int16x8": ([], "int16x8", [], False),
    "int8": ([], "int8", [], False),
    "int8, tuned on": ([TUNE], "int8", [], False),
    "int8 + bias correction": ([], "int8", [BIAS], False),
    "int8 + slim": ([], "int8", [SLIM], False),
    "int8 + rounding": ([], "int8", [ROUND], False),
    "int8 + rounding + slim": ([], "int8", [ROUND, SLIM], False),
    "tuned on + rounding + slim": ([TUNE], "int8", [ROUND, SLIM], False),
    "pruned 60 %": ([PRUNE], "int8", [], False),
    "pruned 60 %, distilled": ([PRUNE], "int8", [], True),
    "pruned 60 %, constant schedule": ([CONSTANT], "int8", [], False),
    "pruned 60 % + batch norm": ([PRUNE, STATISTICS], "int8", [], False),
    "pruned 2 of 4": ([HALF], "int8", [], False),
    "16 clusters": ([CLUSTER], "int8", [], False),
    "16 clusters a channel": ([CLUSTER | {"per_channel": True}], "int8", [], False),
    "QAT": ([AWARE], "int8", [], False),
    "QAT, distilled": ([AWARE], "int8", [], True),
    "PQAT": ([PRUNE, AWARE | KEPT], "int8", [], False),
    "CQAT": ([CLUSTER, AWARE | CLUSTERED], "int8", [], False),
    "PCQAT": ([PRUNE, CLUSTER | KEPT, AWARE | KEPT | CLUSTERED], "int8", [], False),
    "QAT, coarse grid": ([AWARE | COARSE], "int8", [], False),
    "QAT, coarse grid, distilled": ([AWARE | COARSE], "int8", [], True),
    "... + rounding + slim": ([AWARE | COARSE], "int8", [ROUND, SLIM], True),
    "PQAT, coarse grid, distilled + rounding + slim": ([PRUNE, AWARE | KEPT | COARSE], "int8", [ROUND, SLIM], True),
}


def recipe_of(name: str, seed: int) -> Recipe:
    """Return a row's recipe; its steps share the same number of epochs."""
    steps, precision, finish, distilled = ROWS[name]
    trained = [step for step in steps if step != STATISTICS]
    fit = {
        "epochs": EPOCHS // max(len(trained), 1), "batch_size": 32, "learning_rate": 1e-3, "patience": EPOCHS,
        "augment": {"max_shift": 2, "flip": False}, "seed": seed,
    }  # fmt: skip
    common = {"fit": fit, "distillation": DISTILLED if distilled else None}
    whole = [step | ({"seed": seed} if step == STATISTICS else common) for step in steps]
    return Recipe.model_validate({"steps": whole, "precision": precision, "float_layers": [], "finish": finish})


def main(folder: Path) -> None:
    """Print the table."""
    os.chdir(folder)
    line = params_file.load()
    environment.set_threads(line.compute.threads, line.compute.onednn)
    with Workers(2, Journal(["ablation", Path(__file__).read_text(encoding="utf-8")])) as workers:
        (float32,) = workers.measure([_task(line, "float32, seed 0", recipe_of("float32", 0), None)])
        named = [(name, seed) for name, row in ROWS.items() for seed in (SEEDS if row[0] else SEEDS[:1])]
        tasks = [_task(line, f"{name}, seed {seed}", recipe_of(name, seed), float32) for name, seed in named]
        measured = dict(zip(named, workers.measure(tasks), strict=True))
    shown: list[tuple[str, ...]] = [("recipe", "accuracy", "drop, points", "zip bytes", "int8 / own")]
    int8 = measured["int8", 0].zip_bytes
    for name in ROWS:
        shown.append(_row(name, [one for (row, _), one in measured.items() if row == name], int8))
    say(markdown_table(shown))


def _task(line: Params, name: str, recipe: Recipe, float32: Outcome | None) -> Task:
    return Task(
        name, recipe, Path("models/tuned"), Path("data/ready/target"), line.export, line.evaluate.confidence,
        float32.right if float32 else None, split="test",
    )  # fmt: skip


def _row(name: str, outcomes: list[Outcome], int8: int) -> tuple[str, ...]:
    if failed := [outcome.failed for outcome in outcomes if outcome.failed]:
        return name, "failed", failed[0].split("\n")[0], "", ""
    size = statistics.mean(outcome.zip_bytes for outcome in outcomes)
    return (
        name,
        _spread([100 * outcome.accuracy for outcome in outcomes]),
        _spread([100 * outcome.accuracy_drop for outcome in outcomes]),
        f"{size:,.0f}",
        f"{int8 / size:.2f}",
    )


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
