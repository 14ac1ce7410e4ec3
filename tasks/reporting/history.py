"""Training histories as CSV, which `dvc plots` shows."""

import csv
from pathlib import Path
from typing import Any


def write_history(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a row per epoch, numbered through over all runs."""
    with path.open("w", newline="", encoding="utf-8") as file:
        names = ["step", "run", "epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({"step": step, **row} for step, row in enumerate(rows))


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read what `write_history` wrote: `run` is text, all else are numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: value if name == "run" else float(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        ]
