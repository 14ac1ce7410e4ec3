"""Texts as the numbers that they are; what is missing, and what is none."""

from itertools import product
from typing import Any

import numpy as np

from tasks.data.records import Array, objects

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})  # of numbers; of categories only the empty text
MISSING_SPELLINGS = sorted(
    "".join(letters) for word in MISSING for letters in product(*({letter, letter.upper()} for letter in word))
)
MAX_NUMBER = float(np.finfo(np.float32).max)


def number(text: str) -> float | None:
    """Return a number as it was written, None where it is missing.

    Raises:
        ValueError: it is none, or too large for a float of 32 bits; the text is what to tell people.
    """
    stripped = text.strip()
    if stripped.casefold() in MISSING:
        return None
    try:
        value = float(stripped.replace("_", "?"))  # Python reads 1_000 as a number
    except ValueError:
        raise ValueError(f"not a number: {_shown(text)}") from None
    if not abs(value) <= MAX_NUMBER:
        raise ValueError(f"out of range of float32: {_shown(text)}")
    return value


def numbers_of(values: Array) -> tuple[Array, dict[int, str]]:
    """Return the numbers of cells, (rows,) of float64 with NaN for missing, and what is wrong with some, by row.

    Args:
        values: texts, (rows,) of str objects; or numbers that were read as such, (rows,) of float64.
    """
    if values.dtype != object:
        return values, {}
    read = _all_numbers(values)
    if read is not None:
        return read, {}
    found, wrong = np.full(len(values), np.nan), dict[int, str]()
    for row, text in enumerate(values.tolist()):
        try:
            value = number(text)
        except ValueError as error:
            wrong[row] = str(error)
            continue
        if value is not None:
            found[row] = value
    return found, wrong


def _all_numbers(texts: Array) -> Array | None:
    """Read all numbers at once; None where a text is none, or is one only to Python."""
    import pyarrow
    from pyarrow import compute

    try:
        column = pyarrow.array(texts, pyarrow.string())
        missing = compute.is_in(column, value_set=pyarrow.array(MISSING_SPELLINGS))
        column = compute.cast(
            compute.if_else(missing, pyarrow.scalar(None, pyarrow.string()), column), pyarrow.float64()
        )
    except (pyarrow.ArrowException, UnicodeEncodeError):
        return None
    values: Array = column.to_numpy(zero_copy_only=False)
    return values if are_believable(values, column.null_count) else None


def are_believable(values: Array, missing: int) -> bool:
    """Tell whether all numbers but so many, which are NaN, are those of a float of 32 bits."""
    return int((np.abs(values) <= MAX_NUMBER).sum()) + missing == len(values)


def texts_of(column: Any) -> Array:
    """Return a column of Arrow as texts, (rows,) of str objects: numbers in their shortest form, missing ones empty."""
    import pyarrow
    from pyarrow import compute

    texts = compute.fill_null(compute.cast(column, pyarrow.string()), "")
    return objects(texts.to_pylist())


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
