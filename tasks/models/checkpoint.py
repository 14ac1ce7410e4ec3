"""The checkpoint of a training run, so that a killed run resumes; its history as CSV."""

import csv
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.environment import PLAN_DIGEST, STATE_FOLDER
from tasks.core.files import sha256, sha256_tree
from tasks.data.records import Array

DIGEST_LENGTH = 32


@dataclass
class TrainingState:
    """A training run after a number of whole epochs.

    Attributes:
        history: one row of metrics per epoch done.
        best_loss: the least validation loss so far.
        epochs_without_improvement: epochs since then.
        weights: of the model now.
        best: of the model at the least validation loss.
        optimizer: its variables, the step counter among them.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best_loss: float = float("inf")
    epochs_without_improvement: int = 0
    weights: list[Array] = field(default_factory=list)
    best: list[Array] = field(default_factory=list)
    optimizer: list[Array] = field(default_factory=list)


ARRAYS = ("weights", "best", "optimizer")  # the attributes of a state that are lists of arrays; JSON holds the others


class Checkpoint:
    """A file whose name is the digest of everything that the run's result depends on."""

    def __init__(self, name: str, params: Any, inputs: list[Path]) -> None:
        origin = [name, params.model_dump(), {str(path): _digest(path) for path in inputs}, _plan()]
        digest = hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()
        self._name = name
        self.path = STATE_FOLDER / "checkpoints" / f"{name}-{digest[:DIGEST_LENGTH]}.npz"

    @classmethod
    def at(cls, path: Path) -> "Checkpoint":
        """Return the checkpoint whose file another process has named."""
        checkpoint = cls.__new__(cls)
        checkpoint._name, checkpoint.path = path.stem[: -DIGEST_LENGTH - 1], path
        return checkpoint

    def write(self, state: TrainingState) -> None:
        """Replace the last checkpoint, never leaving a half."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial.npz")
        scalars = {key: value for key, value in vars(state).items() if key not in ARRAYS}
        arrays = {f"{name}-{index}": array for name in ARRAYS for index, array in enumerate(getattr(state, name))}
        np.savez(partial, scalars=np.array(json.dumps(scalars)), **arrays)
        partial.replace(self.path)

    def read(self) -> TrainingState | None:
        """Return where the killed run stood, None where there was none."""
        if not self.path.exists():
            return None
        with np.load(self.path) as file:
            groups: dict[str, Any] = {
                name: [file[f"{name}-{index}"] for index in range(sum(key.startswith(f"{name}-") for key in file))]
                for name in ARRAYS
            }
            return TrainingState(**json.loads(str(file["scalars"])), **groups)

    def remove(self) -> None:
        """Forget the run, and older ones of its name that never ended: its result is written."""
        for path in self.path.parent.glob(f"{self._name}-{'?' * DIGEST_LENGTH}.npz"):
            path.unlink()


def _digest(path: Path) -> str | dict[str, str]:
    return sha256_tree(path) if path.is_dir() else sha256(path)


def _plan() -> str:
    """Return the digest of the stage's plan file: its settings, code and packages; empty outside of a stage."""
    return os.environ.get(PLAN_DIGEST, "")


OF_NO_ROWS = ("run", "epoch", "loss", "accuracy", "val_loss", "val_accuracy")


def write_history(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a row per epoch, numbered through over all runs; the columns are what the rows have."""
    names = dict.fromkeys(name for row in rows for name in row) or dict.fromkeys(OF_NO_ROWS)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["step", *names], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"step": step, **row} for step, row in enumerate(rows))


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read what `write_history` wrote: `run` is text, all else are numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: value if name == "run" else float(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        ]
