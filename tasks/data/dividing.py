"""From the rows that are kept to those of each split. It holds few rows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tasks.contracts.pool import Each
from tasks.contracts.preprocessing import Preprocess, Split
from tasks.data import splits, stratified
from tasks.data.kept import Kept
from tasks.data.kind_data import AnyKindData
from tasks.data.records import SPLITS, Array, Columns, SplitName
from tasks.data.staging import DIGEST, Staged

ROWS_FILE = "{split}.rows"


def by_content(each: Each, staged: Staged, kept: Kept, split: Split, described: Columns) -> Iterator[Array]:
    """Divide rows that have nothing from one another; see `stratified.assigned`. Yield codes for `kept.records()`.

    Args:
        each: does it.
        staged: all good rows.
        kept: those of them that are no copies.
        split: see `stratified.assigned`.
        described: columns beside the data, of all good rows, which are joined to those that are kept.
    """
    _join(staged, kept, described)
    return stratified.assigned(partial(kept.map, each), kept.strata, split)


def together(kind: AnyKindData, staged: Staged, kept: Kept, params: Preprocess, described: Columns) -> Iterator[Array]:
    """Divide rows that depend on one another, as their kind says, and join what it adds to their columns.

    All rows are in memory.
    See `by_content`.
    """
    some = list(kept.records())
    records = np.concatenate(some)
    columns = staged.take(records["row"], (*kind.split_columns, DIGEST))
    given = np.array(splits.GIVEN)[records["given"]]
    found = kind.split_together(columns, columns.pop(DIGEST), given, params)
    _join(staged, kept, described, found.columns)
    codes = np.select([found.splits == name for name in SPLITS], range(len(SPLITS))).astype(np.uint8)
    return iter(np.split(codes, np.cumsum([len(records) for records in some])[:-1]))


def _join(staged: Staged, kept: Kept, described: Columns, added: Columns | None = None) -> None:
    if described or added:
        rows = np.concatenate([records["row"] for records in kept.records()])
        staged.join(rows, {**{name: values[rows] for name, values in described.items()}, **(added or {})})


@dataclass(frozen=True)
class Divided:
    """The rows of each split, in files of their numbers.

    Attributes:
        folder: that the files are in.
        rows: how many each split has.
    """

    folder: Path
    rows: dict[SplitName, int]

    def chosen(self, split: SplitName, start: int, stop: int) -> Array:
        """Return some of a split's rows by their numbers among all good rows, which ascend."""
        stop = min(stop, self.rows[split])
        return np.fromfile(self.folder / ROWS_FILE.format(split=split), "<i8", stop - start, offset=8 * start)


def divided(kept: Kept, codes: Iterator[Array]) -> Divided:
    """Write down the rows of each split, from the place in SPLITS of each row that is kept."""
    folder, counts = kept.folder.parent, np.zeros(len(SPLITS), np.int64)
    files = [(folder / ROWS_FILE.format(split=split)).open("wb") for split in SPLITS]
    for records, places in zip(kept.records(), codes, strict=True):
        for place, file in enumerate(files):
            chosen = records["row"][places == place]
            file.write(chosen.tobytes())
            counts[place] += len(chosen)
    for file in files:
        file.close()
    return Divided(folder, dict(zip(SPLITS, counts.tolist(), strict=True)))
