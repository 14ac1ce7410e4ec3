"""The rows of each split, with their attributes, written shard by shard.

A CSV file beside the data: a header of `source` and the names of the columns, then a line per row of the data.
"""

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tasks.core.errors import DataError
from tasks.core.params.data import Preprocess, Split
from tasks.core.processes import Each
from tasks.data import splits
from tasks.data.cleaning import DIGEST, Staged
from tasks.data.columns import ASSETS, ROW_SOURCE, encode_texts
from tasks.data.deduplication import Deduplicated, sources_in
from tasks.data.records import SPLITS, Array, Columns, SplitName, objects
from tasks.data.schema import AnyKindData
from tasks.data.split_keys import KEY

NAME = re.compile(r"[a-z][a-z0-9_]*")
TAKEN = {"image", "label", "row", "source", ROW_SOURCE}
SHOWN = 5


def read(path: Path, sources: Array) -> dict[str, Array]:
    """Return each column for the rows of `sources`, (rows,): float64 where every value is a number, else text.

    Raises:
        DataError: the file is missing or damaged, a name is taken, or a row has no line or two.
    """
    header, lines = _lines(path)
    wrong = [name for name in header[1:] if not NAME.fullmatch(name) or name in TAKEN]
    if header[:1] != ["source"] or wrong or len(set(header)) < len(header) or len(header) < 2:
        raise _refused(path, f"the header {','.join(header)!r}", "source, then different names like writer or ink_2")
    if ragged := [number for number, line in enumerate(lines, start=2) if len(line) != len(header)]:
        raise _refused(path, f"other than {len(header)} cells in line {_few(ragged)}", "a cell for each column")
    by_source = {line[0]: line[1:] for line in lines}
    if len(by_source) < len(lines):
        raise _refused(path, f"{len(lines) - len(by_source)} lines for a source that has one", "one line a source")
    if missing := [source for source in sources.tolist() if source not in by_source]:
        raise _refused(path, f"no line for {_few(missing)}", "a line for each row that is no duplicate")
    chosen = [by_source[source] for source in sources.tolist()]
    return {name: _typed([line[index] for line in chosen]) for index, name in enumerate(header[1:])}


def _lines(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _refused(path, str(error), "a CSV file in UTF-8") from None
    return (lines[0], lines[1:]) if lines else ([], [])


def _typed(values: list[str]) -> Array:
    try:
        numbers = np.array(values, np.float64)
    except ValueError:
        return np.array(values, np.str_)
    return numbers if np.isfinite(numbers).all() else np.array(values, np.str_)


def _few(items: list[str] | list[int]) -> str:
    return ", ".join(map(str, items[:SHOWN])) + (f" and {len(items) - SHOWN} more" if len(items) > SHOWN else "")


def _refused(path: Path, got: str, expected: str) -> DataError:
    return DataError(
        got=f"{path.name}: {got}", expected=expected, do="correct the file of preprocess.<role>.attributes"
    )


ROWS_FILE = "{split}.rows"


def by_content(
    each: Each, staged: Staged, deduplicated: Deduplicated, split: Split, described: Columns
) -> Iterator[Array]:
    """Divide rows that have nothing from one another; yield codes for `deduplicated.records()`.

    Args:
        each: does it.
        staged: all good rows.
        deduplicated: those of them that are no copies.
        split: see `stratified.assigned`.
        described: columns beside the data, of all good rows; those of unique rows are joined to the data.
    """
    _join(staged, deduplicated, described)
    return splits.assigned(partial(deduplicated.map, each), deduplicated.strata, split)


def together(
    kind: AnyKindData,
    staged: Staged,
    deduplicated: Deduplicated,
    params: Preprocess,
    described: Columns,
    keys: Array | None,
) -> Iterator[Array]:
    """Divide rows that depend on one another, as their kind says, and join what it adds to their columns.

    All rows are in memory. `keys` is what decides the split of each good row, where a column does; see `by_content`.
    """
    some = list(deduplicated.records())
    records = np.concatenate(some)
    columns = staged.take(records["row"], (*kind.split_columns, DIGEST))
    given = np.array(splits.GIVEN_SPLITS)[records["given"]]
    if keys is not None:
        columns[KEY] = keys[records["row"]]
    found = kind.split_together(columns, columns.pop(DIGEST), given, params)
    _join(staged, deduplicated, described, found.columns)
    codes = np.select([found.splits == name for name in SPLITS], range(len(SPLITS))).astype(np.uint8)
    return iter(np.split(codes, np.cumsum([len(records) for records in some])[:-1]))


def _join(staged: Staged, deduplicated: Deduplicated, described: Columns, added: Columns | None = None) -> None:
    if described or added:
        rows = np.concatenate([records["row"] for records in deduplicated.records()])
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


def divided(deduplicated: Deduplicated, codes: Iterator[Array]) -> Divided:
    """Record the rows of each split, from the index in SPLITS of each unique row."""
    folder, counts = deduplicated.folder.parent, np.zeros(len(SPLITS), np.int64)
    files = [(folder / ROWS_FILE.format(split=split)).open("wb") for split in SPLITS]
    for records, positions in zip(deduplicated.records(), codes, strict=True):
        for position, file in enumerate(files):
            chosen = records["row"][positions == position]
            file.write(chosen.tobytes())
            counts[position] += len(chosen)
    for file in files:
        file.close()
    return Divided(folder, dict(zip(SPLITS, counts.tolist(), strict=True)))


Result = TypeVar("Result")
BESIDE = "beside "  # begins the names of columns that describe rows, as long as these are not written


@dataclass(frozen=True)
class Shards:
    """Where the rows of the splits are found; a number of a shard counts within its split.

    Attributes:
        staged: all good rows.
        divided: which of them each split has.
        shard_rows: how many a shard has, the last of a split less.
        described: columns that are no values of the rows, and are written as they are.
    """

    staged: Staged
    divided: Divided
    shard_rows: int
    described: list[str]

    def of(self, split: SplitName) -> list[tuple[SplitName, int]]:
        """Name the shards of a split."""
        return [(split, number) for number in range(-(-self.divided.rows[split] // self.shard_rows))]

    def first_row(self, shard: tuple[SplitName, int]) -> int:
        """Return which of all good rows is the first of a shard."""
        split, number = shard
        start = number * self.shard_rows
        return int(self.divided.chosen(split, start, start + 1)[0])

    def take(self, shard: tuple[SplitName, int], names: tuple[str, ...] | None = None) -> Columns:
        """Return all columns of values of a shard, or some, and `row`: which of all good rows each is."""
        split, number = shard
        start = number * self.shard_rows
        rows = self.divided.chosen(split, start, start + self.shard_rows)
        return {**self.staged.take(rows, names), "row": rows}


class TrainingRows:
    """Those of the training split; see `tasks.data.records.Train`."""

    def __init__(self, each: Each, shards: Shards) -> None:
        self._each, self._shards = each, shards
        self.rows = shards.divided.rows["train"]

    def map(self, function: Callable[[Columns], Result], *names: str) -> Iterator[Result]:
        """Yield what a function returns for the named columns of each shard, in order."""
        return self._each(partial(_measured, self._shards, function, names), self._shards.of("train"))


def _measured(
    shards: Shards, function: Callable[[Columns], Result], names: tuple[str, ...], shard: tuple[SplitName, int]
) -> Result:
    return function(shards.take(shard, names))


def written(each: Each, shards: Shards, kind: AnyKindData, folder: Path) -> dict[str, Any]:
    """Encode and write all shards below `folder`, where the assets are; return what `dataset.json` says of them.

    They are written in the order of their first rows, and rows that none is left to take are removed on the way.
    """
    found: dict[str, Any] = {split: [] for split in SPLITS}
    for split in SPLITS:
        (folder / split).mkdir()
    numbered_shards = sorted((shards.first_row(shard), shard) for split in SPLITS for shard in shards.of(split))
    ends = [row for row, _ in numbered_shards[1:]] + [shards.staged.rows]
    results = each(partial(_write, shards, kind, folder), [shard for _, shard in numbered_shards])
    with ThreadPoolExecutor(1) as beside:  # to remove what the disk is just taking waits for the disk
        removals = list[Future[None]]()
        for (start, (split, _)), shard, end in zip(numbered_shards, results, ends, strict=True):
            found[split].append(shard)
            removals.append(beside.submit(shards.staged.remove_ended, start, end))
        for removal in removals:
            removal.result()
    return found


def _write(shards: Shards, kind: AnyKindData, folder: Path, shard: tuple[SplitName, int]) -> dict[str, Any]:
    values = shards.take(shard)
    rows = values.pop("row")
    apart = {"row": rows, ROW_SOURCE: objects(list(sources_in(shards.staged, rows)))}
    apart |= {name: values.pop(BESIDE + name) for name in shards.described}
    return write_shard(folder, *shard, {**kind.encoder(folder / ASSETS).encode(values), **apart})


def write_split(folder: Path, split: str, shards: Iterable[Columns]) -> list[dict[str, Any]]:
    """Write columns shard by shard; return what `dataset.json` says of them."""
    (folder / split).mkdir()
    return [write_shard(folder, split, number, columns) for number, columns in enumerate(shards)]


def write_shard(folder: Path, split: str, number: int, columns: Columns) -> dict[str, Any]:
    """Write one shard; texts of any length are two files, their bytes and where each text ends."""
    shard: dict[str, Any] = {"rows": len(next(iter(columns.values())))}
    for name, values in columns.items():
        path = f"{split}/{name}-{number:05d}"
        if values.dtype != object:
            shard[name] = _saved(folder, f"{path}.npy", values)
            continue
        content, ends = encode_texts(values)
        shard[name] = {**_saved(folder, f"{path}.npy", content), "ends": _saved(folder, f"{path}.ends.npy", ends)}
    return shard


def _saved(folder: Path, path: str, values: Array) -> dict[str, Any]:
    """Write what `np.save` would, which does not say that the disk is full."""
    values, header = np.ascontiguousarray(values), BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(values))
    content = values.reshape(-1).view(np.uint8).data
    with (folder / path).open("wb") as file:
        file.write(header.getbuffer())
        file.write(content)
    digest = hashlib.sha256(header.getbuffer())
    digest.update(content)
    return {"path": path, "sha256": digest.hexdigest()}
