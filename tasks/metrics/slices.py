"""The primary metric of parts of the rows, the worst part first, and what compression costs in each."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tasks.contracts.errors import ParamsError
from tasks.contracts.judging import Slice
from tasks.data.records import Array
from tasks.metrics.bootstrap import wilson
from tasks.metrics.paired import accuracy_drop

MAX_VALUES = 100


def sliced(right: Array, reference: Array, parts: dict[str, Array], confidence: float) -> list[dict[str, Any]]:
    """Measure accuracy in each part.

    Args:
        right: which rows the model gets right, (rows,) of bool.
        reference: which rows float32 gets right, (rows,) of bool.
        parts: which rows are in each part, (rows,) of bool, by its name; parts without rows are left out.
        confidence: of the intervals.
    """
    found = [
        {
            "slice": name,
            "rows": int(part.sum()),
            "accuracy": float(right[part].mean()),
            "interval": wilson(int(right[part].sum()), int(part.sum()), confidence),
            "drop": float(reference[part].mean() - right[part].mean()),
            "drop_interval": accuracy_drop(reference[part], right[part], confidence)["accuracy_drop_interval"],
        }
        for name, part in parts.items()
        if part.any()
    ]
    return sorted(found, key=lambda one: (one["accuracy"], one["slice"]))


def parts_of(labels: Array, classes: list[str], columns: dict[str, Array], slices: list[Slice]) -> dict[str, Array]:
    """Return which rows are in each class and in each slice that is asked for; see `asked`."""
    return {f"class = {name}": labels == index for index, name in enumerate(classes)} | asked(columns, slices)


def asked(columns: dict[str, Array], slices: list[Slice]) -> dict[str, Array]:
    """Return which rows are in each slice, (rows,) of bool, by its name.

    Raises:
        ParamsError: a slice compares text with a number, or a column has too many values for a slice each.
    """
    return {name: part for one in slices for name, part in _parts(one, columns[one.column])}


def _parts(one: Slice, column: Array) -> Iterator[tuple[str, Array]]:
    if one.at_least is None and one.below is None:
        values = np.unique(column)
        if len(values) > MAX_VALUES:
            raise ParamsError(
                got=f"evaluate.slices: a slice for each of the {len(values)} values of {one.column}",
                expected=f"at most {MAX_VALUES} values, or bounds",
                do="give at_least, below, or both",
            )
        yield from ((f"{one.column} = {value}", column == value) for value in values)
        return
    if column.dtype.kind == "U":
        raise ParamsError(
            got=f"evaluate.slices: bounds for {one.column}, which is text", expected="a column of numbers",
            do="leave at_least and below null: each value is a slice then",
        )  # fmt: skip
    low = np.full(len(column), True) if one.at_least is None else column >= one.at_least
    high = np.full(len(column), True) if one.below is None else column < one.below
    told = [f"{one.column} >= {one.at_least:g}"] if one.at_least is not None else []
    told += [f"{one.column} < {one.below:g}"] if one.below is not None else []
    yield " and ".join(told), low & high
