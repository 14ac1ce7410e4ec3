"""Splits by a column: whole groups of rows, or the latest rows.

The split of a row follows from its rank among all (see `splits.assigned`), and rows of one rank stay together. The rank
of a group is a keyed hash of its name; that of a time is less the later it is, so that the test takes the latest rows.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from tasks.core.errors import DataError
from tasks.core.params.data import Split
from tasks.data.names import names_of
from tasks.data.records import Array, BadRow, Chunk, objects
from tasks.data.splits import keyed, text_digests

KEY = ".split"  # of the column of a block
RANKS = 1 << 64


def time_of(text: str) -> float:
    """Return a number as it is, and a date, with its time or not, in seconds since 1970; without a zone it is UTC's.

    Raises:
        ValueError: it is neither; the text is what to tell people.
    """
    if not text.strip():
        raise ValueError("missing time")
    try:
        value = float(text.replace("_", "?"))
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(f"not a time: {text[:40]!r}, expected a number or a date like 2024-05-31") from None
        value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not np.isfinite(value):
        raise ValueError(f"not a time: {text[:40]!r}")
    return value


def keys_of(texts: list[str], split: Split) -> tuple[Array, dict[int, str]]:
    """Return the groups, (rows,) of str objects, or times, (rows,) of float64, and what is wrong with some, by row."""
    if split.group:
        groups = names_of(texts)
        return objects(groups), {row: f"missing group: {split.group}" for row, name in enumerate(groups) if not name}
    times, wrong = np.zeros(len(texts), np.float64), dict[int, str]()
    for row, text in enumerate(texts):
        try:
            times[row] = time_of(text)
        except ValueError as error:
            wrong[row] = f"{error} in {split.time}"
    return times, wrong


def with_keys(chunk: Chunk, good: Chunk, split: Split) -> tuple[Chunk, list[BadRow]]:
    """Add to the good rows of a chunk what decides their split; a row without it is bad.

    Args:
        chunk: as it was read.
        good: what is left of it.
        split: names a role of the chunk.
    """
    if not len(good):
        return good, []
    places = {source: row for row, source in enumerate(chunk.sources.tolist())}
    texts = chunk.columns[str(split.by)][[places[source] for source in good.sources.tolist()]]
    keys, wrong = keys_of([str(text) for text in texts.tolist()], split)
    keep = np.ones(len(good), bool)
    keep[list(wrong)] = False
    bad = [BadRow(str(good.sources[row]), wrong[row]) for row in sorted(wrong)]
    return Chunk({**good.columns, KEY: keys}, good.sources, good.given).chosen(keep, []), bad


def of_attribute(values: Array, split: Split) -> Array:
    """Return what decides the split of rows, from a column beside the data, (rows,) of float64 or text.

    Raises:
        DataError: a row has no group, or no time.
    """
    keys, wrong = keys_of([str(value) for value in values.tolist()], split)
    if wrong:
        row, problem = next(iter(wrong.items()))
        raise DataError(
            got=f"{len(wrong)} rows of the attributes, the first of them row {row + 1}: {problem}",
            do="correct the file of preprocess.<role>.attributes",
        )
    return keys


def ranks_of(keys: Array, split: Split) -> Array:
    """Return the rank of each row, (rows,) of uint64, from its group or time."""
    if split.group:
        return keyed(text_digests(keys.tolist()), split.seed)
    times, places = np.unique(-keys, return_inverse=True)
    step = RANKS // (len(times) + 1)
    ranks: Array = places.astype(np.uint64) * np.uint64(step)
    return ranks


def told(keys: Array, codes: Array, split: Split, names: tuple[str, ...]) -> Iterator[str]:
    """Say which groups or times each split has; `codes` are the places of the rows' splits in `names`."""
    for place, name in enumerate(names):
        own = keys[codes == place]
        if not len(own):
            yield f"{name} none"
        elif split.group:
            yield f"{name} {len(np.unique(own.astype(np.str_)))} groups"
        else:
            yield f"{name} {_moment(own.min())} to {_moment(own.max())}"


def _moment(value: float) -> str:
    """Write a time as a date where it is one of the last and next decades in seconds, else as the number."""
    if 1e8 < value < 1e10:
        return datetime.fromtimestamp(value, UTC).isoformat(sep=" ").removesuffix("+00:00").removesuffix(" 00:00:00")
    return f"{value:g}"
