"""Slices: parts of the test rows that are measured on their own."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tasks.core.errors import ParamsError
from tasks.core.params.gates import Slice
from tasks.data.records import Array

MAX_VALUES = 100


def slice_record(name: str, rows: int, metric: str, score: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `metrics.json` says of a slice.

    Args:
        name: of the slice.
        rows: how many test rows it has.
        metric: that the slices of the kind are measured by.
        score: `value`, `interval`, `drop` and `drop_interval` of the metric.
    """
    return {
        "slice": name,
        "rows": rows,
        metric: score["value"],
        **{key: score[key] for key in ("interval", "drop", "drop_interval")},
    }


def worst_first(records: list[dict[str, Any]], metric: str, *, lower_is_better: bool = False) -> list[dict[str, Any]]:
    """Return slices sorted by their metric, equal ones by name."""
    sign = -1 if lower_is_better else 1
    return sorted(records, key=lambda one: (sign * one[metric], one["slice"]))


def slice_columns(columns: dict[str, Array], slices: list[Slice]) -> dict[str, Array]:
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
                do="set at_least, below, or both",
            )
        yield from ((f"{one.column} = {value}", column == value) for value in values)
        return
    if column.dtype.kind == "U":
        raise ParamsError(
            got=f"evaluate.slices: bounds for {one.column}, which is text",
            do="set at_least and below to null: each value of the column is then a slice",
        )  # fmt: skip
    low = np.full(len(column), True) if one.at_least is None else column >= one.at_least
    high = np.full(len(column), True) if one.below is None else column < one.below
    conditions = [f"{one.column} >= {one.at_least:g}"] if one.at_least is not None else []
    conditions += [f"{one.column} < {one.below:g}"] if one.below is not None else []
    yield " and ".join(conditions), low & high
