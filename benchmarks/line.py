"""The default line from an empty cache, through `dvc repro` and through the flow, side by side."""

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.processes import (
    Finished,
    clean_clone,
    dvc,
    forget_outputs,
    median_seconds,
    peak_bytes_of_any_child,
    run,
)

IMPORTS = "import tensorflow, tf_keras"
IMPORTING = ("train", "fine_tune", "compress@qat_int8", "compress@pruned_qat_int8", "compress@searched", "export@")


def main(say: Callable[[str], None]) -> None:
    """Print seconds, ratios and memory."""
    with clean_clone() as clone:
        import_seconds = median_seconds([sys.executable, "-c", IMPORTS], clone, runs=3)
        by_dvc = run(dvc("repro"), clone)
        nothing = median_seconds(dvc("repro"), clone, runs=3)
        changed = _changed_release(clone)
        forget_outputs(clone)
        by_flow = run([sys.executable, "-m", "flows.cli", "run"], clone)
    stages = _stage_seconds(by_dvc)
    imports = import_seconds * sum(name.startswith(IMPORTING) for name in stages)
    say(f"default line, dvc repro:                {by_dvc.seconds:7.1f} s  (goal 160)")
    say(f"default line, Prefect flow:             {by_flow.seconds:7.1f} s  (goal 200)")
    say(f"flow / dvc repro:                       {by_flow.seconds / by_dvc.seconds:7.2f}")
    say(f"  share of TensorFlow's imports:        {imports / by_dvc.seconds:7.0%}  ({import_seconds:.1f} s each)")
    say(f"  share of DVC outside the stages:      {1 - sum(stages.values()) / by_dvc.seconds:7.0%}")
    for name, seconds in sorted(stages.items(), key=lambda item: -item[1])[:6]:
        say(f"  {name:36}  {seconds:7.1f} s")
    say(f"nothing to do, dvc repro:               {nothing:7.1f} s  (goal 3)")
    say(f"changed release parameter, dvc repro:   {changed:7.1f} s  (goal 5)")
    say(f"largest process of all:                 {peak_bytes_of_any_child() / 1e9:7.2f} GB (goal 1.5)")


def _changed_release(clone: Path) -> float:
    run([sys.executable, "-m", "flows.cli", "set", "params.yaml", "release.max_slice_drop=0.2"], clone)
    return run(dvc("repro"), clone).seconds


def _stage_seconds(finished: Finished) -> dict[str, float]:
    """From the moment that DVC shows a stage's command until it writes the lock file."""
    stages: dict[str, float] = {}
    name, started = "", 0.0
    for second, line in finished.lines:
        if line.startswith("Running stage '"):
            name = line.split("'")[1]
        elif line.startswith("> trimline stage "):
            started = second
        elif line.startswith(("Updating lock file", "Generating lock file")) and name:
            stages[name] = second - started
            name = ""
    return stages
