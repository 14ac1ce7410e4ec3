"""Training histories as CSV, which `dvc plots` shows."""

import csv
from pathlib import Path
from typing import Any

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
