"""Small tables, and what reads them: columns `a` and `b` of numbers, `c` of categories, `y` of the target."""

from pathlib import Path
from typing import Any

from tasks.data import columns
from tasks.kinds.regression import Preprocess as Numbers
from tasks.kinds.tabular_classification import Preprocess as Classes
from tests.tasks import line

NAMES = ("a", "b", "c", "y")
COLORS = ("red", "green", "blue")


def rows(count: int, target: str = "number") -> list[list[str]]:
    """Rows that all differ; the target follows from the first two, as a number or as one of two classes."""
    found = []
    for number in range(count):
        a, b = number * 0.37 % 5, number * 7 % 83
        y = f"{2 * a + b / 10:.4f}" if target == "number" else ("high" if b > 41 else "low")
        found.append([f"{a:.4f}", str(b), COLORS[number % 3], y])
    return found


def text_of(cells: list[list[str]], separator: str = ",", end: str = "\n") -> str:
    """Rows with the names of the columns above them."""
    return "".join(separator.join(row) + end for row in [list(NAMES), *cells])


def section(target: str = "number", **changes: Any) -> Numbers | Classes:
    """A section preprocess.<role> for them, changed."""
    settings: dict[str, Any] = {
        "columns": {name: name for name in NAMES}, "numeric": ["a", "b"], "categorical": ["c"], "target": "y",
        "split": {"validation": 0.1, "test": 0.2, "seed": 0}, "shard_rows": 150,
    } | changes  # fmt: skip
    return (Numbers if target == "number" else Classes).model_validate(settings)


def schema(target: str = "number") -> dict[str, Any]:
    """What such rows keep."""
    numeric = {"a": {"min": -10, "max": 20}, "b": {"min": -100, "max": 200}}
    if target == "number":
        kind: dict[str, Any] = {"kind": "regression", "target": {"min": -100, "max": 100}}
    else:
        kind = {"kind": "tabular_classification", "classes": ["high", "low"]}
    return {**kind, "numeric": numeric, "categorical": ["c"]}


def prepared(folder: Path, content: bytes | str, name: str = "rows.csv", **changes: Any) -> columns.Dataset:
    """Ingest a file and preprocess it, in this process."""
    target = changes.pop("target_is", "number")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return columns.load(line.prepared(folder, folder / name, section(target, **changes), schema(target)))
