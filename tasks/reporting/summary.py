"""Figures of a run as DVC shows them: few columns for `dvc metrics show`, tables for `dvc plots show`."""

import shutil
from pathlib import Path
from typing import Any

from tasks.core.files import write_csv, write_json
from tasks.reporting.findings import Findings

BEST, RECIPES = "best.json", "recipes"
SIZES = "size_against_quality.csv"
# Written for classifiers; a kind without them has an empty one, which DVC shows as such.
CURVES = {
    "roc.csv": ("class", "false_positive_rate", "true_positive_rate"),
    "confusion.csv": ("actual", "predicted"),
}


def write_summary(found: Findings, folder: Path) -> None:
    """Write a file for each recipe, and what `dvc exp show` compares runs by: the columns are the same for all kinds.

    The figure of quality is the kind's first metric.
    """
    (folder / RECIPES).mkdir(parents=True)
    for recipe, measured in found.metrics.items():
        score = measured["scores"][measured["primary"]]
        figures: dict[str, Any] = {
            measured["primary"]: score["value"],
            "drop": score["drop"],
            "agreement": measured["agreement_with_float32"],
            "zip_bytes": measured["zip_bytes"],
        }
        write_json(folder / RECIPES / f"{recipe}.json", figures)
    score = found.measured["scores"][found.measured["primary"]]
    write_json(
        folder / BEST,
        {
            "best": {
                "recipe": found.recipe if found.is_released else f"{found.recipe}, not released",
                found.measured["primary"]: score["value"],
                "zip_bytes": found.measured["zip_bytes"],
            }
        },
    )


def write_plots(found: Findings, evaluations: Path, folder: Path) -> None:
    """Write the tables that the plots of dvc.yaml are made of: the described recipe's curves, sizes of all."""
    folder.mkdir()
    tables = evaluations / found.recipe / "tables"
    for name, header in CURVES.items():
        if (tables / name).exists():
            shutil.copyfile(tables / name, folder / name)
        else:
            write_csv(folder / name, header, [])
    rows = (
        (recipe, measured["zip_bytes"], measured["scores"][measured["primary"]]["value"])
        for recipe, measured in found.metrics.items()
    )
    write_csv(folder / SIZES, ("recipe", "zip_bytes", "quality"), rows)
