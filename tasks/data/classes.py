"""Class names: their order, their numbers, their file in a bundle."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tasks.core.errors import DataError
from tasks.data.records import Array

LABELS = "labels.txt"
MAX_DIGITS = 18


def in_order(names: Iterable[str]) -> list[str]:
    """Return the different names, whole numbers first and by their size.

    Raises:
        DataError: there are fewer than two.
    """
    found = sorted(set(names), key=place_of)
    if len(found) < 2:
        raise DataError(got=f"classes {found}", expected="at least two classes", do="correct ingest or its format")
    return found


def place_of(name: str) -> tuple[bool, int, str]:
    """Return what names are sorted by."""
    whole = (
        name.isascii() and name.isdigit() and len(name) <= MAX_DIGITS
    )  # int() refuses a superscript 2, or 5,000 digits
    return not whole, int(name) if whole else 0, name


def require_rows(labels: Iterable[set[str]], classes: list[str]) -> None:
    """Refuse training rows in which a class is missing.

    Args:
        labels: the different class names of each shard.
        classes: that the schema promises.

    Raises:
        DataError: one has no rows.
    """
    seen = set[str]().union(*labels)
    if missing := [name for name in classes if name not in seen]:
        raise DataError(
            got=f"no training rows of class {missing}",
            do="add rows of that class, or write a new schema: `trimline schema <role> --replace`",
        )


def write(assets: Path, classes: list[str]) -> None:
    """Write the names, a line each, in the order of the model's outputs; see `names.name_of`: none has a line end."""
    (assets / LABELS).write_text("\n".join(classes) + "\n", encoding="utf-8")


def read(assets: Path) -> list[str]:
    """Return the names in the order of the model's outputs."""
    return (assets / LABELS).read_text(encoding="utf-8").removesuffix("\n").split("\n")


def numbered(labels: Array, classes: list[str]) -> Array:
    """Return class names, (rows,) of str, as indices, (rows,) of int32."""
    index = {name: number for number, name in enumerate(classes)}
    return np.array([index[name] for name in labels.tolist()], np.int32)
