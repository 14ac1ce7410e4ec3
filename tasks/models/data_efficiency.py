"""The data-efficiency curve: the pretrained start against the same network from scratch, on ever more of the rows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.environment import STATE_FOLDER
from tasks.contracts.params import DataEfficiency, FineTune
from tasks.data.columns import Chosen, Column, Dataset
from tasks.data.records import Array, SplitName
from tasks.models import tuning
from tasks.models.checkpoint import Checkpoint, Standing
from tasks.models.saving import Facts

NAME = "data_efficiency"
Measure = Callable[[Any, Dataset, Facts], float]


@dataclass(frozen=True)
class Part(Dataset):
    """A data set with some of its training rows; validation and test stay as they are."""

    kept: Array

    def rows(self, split: SplitName) -> int:
        """Return the number of rows of a split."""
        return len(self.kept) if split == "train" else super().rows(split)

    def column(self, split: SplitName, name: str) -> Column:
        """Open a column of a split."""
        column = super().column(split, name)
        return Chosen(column, self.kept) if split == "train" else column


def measure(
    base: Path, target: Dataset, params: FineTune, asked: DataEfficiency, inputs: list[Path], score: Measure
) -> list[dict[str, float]]:
    """Train both at each fraction and seed; points that a killed run has measured are not measured again.

    Args:
        base: folder of the base model.
        target: its test split is measured on.
        params: of the training; the seeds of all its runs are replaced.
        asked: fractions and seeds.
        inputs: what the result depends on beside them.
        score: measures a network on the test split.

    Returns:
        For each fraction and seed: `rows` that were trained on, `epochs` of either training, and what `pretrained` and
        `from_scratch` scored.

    Raises:
        ParamsError: a batch is larger than a fraction of the training split.
        StageError: the loss became NaN or infinite.
    """
    finished = Checkpoint(NAME, params, inputs)
    points = (finished.read() or Standing()).history
    known = {(point["fraction"], point["seed"]) for point in points}
    for fraction in asked.fractions:
        for seed in asked.seeds:
            if (fraction, seed) not in known:
                part = Part(target.folder, target.facts, nested(target, fraction, seed))
                points.append({"fraction": fraction, "seed": seed, **_point(base, part, params, seed, inputs, score)})
                finished.write(Standing(history=points))
    return points


def _point(base: Path, part: Part, params: FineTune, seed: int, inputs: list[Path], score: Measure) -> dict[str, float]:
    prefix = f"{NAME}-{len(part.kept)}-{seed}-"
    checkpoints = {run: Checkpoint(f"{prefix}{run}", params, inputs) for run in (*tuning.RUNS, tuning.FROM_SCRATCH)}
    seeded, facts = tuning.with_seed(params, seed), tuning.adapted(base, part)
    tuned = tuning.untuned(base, facts, seeded)
    scratch = tuning.reinitialised(tuned)
    told = f"{len(part.kept)} rows, seed {seed}, "
    epochs = len(tuning.tune(tuned, part, facts, seeded, checkpoints, told))
    tuning.from_scratch(scratch, part, facts, seeded, epochs, checkpoints[tuning.FROM_SCRATCH], told)
    scores = {"pretrained": score(tuned, part, facts), "from_scratch": score(scratch, part, facts)}
    for checkpoint in checkpoints.values():
        checkpoint.remove()
    return {"rows": len(part.kept), "epochs": epochs, **scores}


def nested(data: Dataset, fraction: float, seed: int) -> Array:
    """Return training rows: so large a part of each class, at least one row; a smaller fraction's rows are among them.

    Args:
        data: where it has no classes, all rows are as one.
        fraction: of the training split.
        seed: equal seeds order the rows equally.
    """
    count = data.rows("train")
    labels = data.column("train", data.target).all() if "classes" in data.facts else np.zeros(count, int)
    order = np.random.default_rng(seed).permutation(count)
    members = (order[labels[order] == label] for label in np.unique(labels))
    return np.sort(np.concatenate([rows[: max(1, round(fraction * len(rows)))] for rows in members]))


def forget() -> None:
    """Remove what is left of all runs, of any parameters: the result is written."""
    for path in (STATE_FOLDER / "checkpoints").glob(f"{NAME}-*"):
        path.unlink()
