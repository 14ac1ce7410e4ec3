"""Tables among the files of a folder: which belong together, their columns, their rows."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.core.errors import DataError
from tasks.data.inspection.column_profile import Column, profile, with_points_for_thousands
from tasks.data.inspection.dialect import Dialect, Row, dialect_of, opened, rows_of
from tasks.data.inspection.files import Files, split_of, suffix_of
from tasks.data.records import SplitName

TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".psv")
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
TABLE_SUFFIXES = (*TEXT_SUFFIXES, *JSON_SUFFIXES, ".parquet")
MAX_ROWS = 200_000  # that are looked at, of each table


@dataclass(frozen=True)
class TableFile:
    """A file of rows.

    Attributes:
        path: relative to the folder that all lie in.
        names: of the columns, empty where the file has none.
        width: how many columns.
        dialect: of a text file, None of JSON and Parquet.
        split: that its name or its folder says, None where neither does.
        bytes: its size.
        renamed: whether a name was there twice, and has a number now.
    """

    path: Path
    names: tuple[str, ...]
    width: int
    dialect: Dialect | None
    split: SplitName | None
    bytes: int
    renamed: bool = False


@dataclass(frozen=True)
class Table:
    """Files with the same columns.

    Attributes:
        files: in the order of their names.
        columns: of the rows that were looked at.
        rows: how many there are, or about how many where not all were looked at.
        whole: whether all rows were looked at.
        ragged: rows with another number of cells.
        sample: some rows, for questions that need cells of one row.
    """

    files: list[TableFile]
    columns: list[Column]
    rows: int
    whole: bool
    ragged: int
    sample: list[Row] = field(repr=False)

    @property
    def header(self) -> bool:
        """Whether the columns have names in the files."""
        return bool(self.files[0].names)

    @property
    def splits(self) -> set[SplitName]:
        """The splits that files say by their names; none where only some of the files do."""
        found = {file.split for file in self.files}
        return set() if None in found else {split for split in found if split}

    def column(self, wanted: str) -> Column:
        """Return a column by its name, or by its number from 0.

        Raises:
            DataError: there is none.
        """
        for column in self.columns:
            if wanted in {column.name, column.title} or (not self.header and wanted == str(column.place)):
                return column
        names = ", ".join(repr(column.name) if self.header else str(column.place) for column in self.columns[:12])
        raise DataError(
            got=f"no column {wanted!r} in {self.files[0].path.name}", expected=f"one of {names}",
            do="correct the name in the option",
        )  # fmt: skip

    def said(self) -> str:
        """Say how many rows and columns, and where blanks are."""
        blank = [column for column in self.columns if column.blanks and column.holds != "nothing"]
        blanks = ", ".join(f"{column.blanks:,} blanks in {column.title}" for column in blank[:3])
        more = f" and blanks in {len(blank) - 3} more columns" if len(blank) > 3 else ""
        rows = f"{self.rows:,} rows" if self.whole else f"about {self.rows:,} rows"
        parts = [
            f"{rows}, {len(self.columns)} columns",
            blanks + more,
            f"{self.ragged:,} rows of another length" if self.ragged else "",
        ]
        return ", ".join(filter(None, parts))


def tables_in(files: Files, encoding: str | None = None) -> list[Table]:
    """Return the tables of a folder, that with the most bytes first.

    Raises:
        DataError: a file cannot be read as what its suffix says.
    """
    groups = defaultdict[object, list[TableFile]](list)
    for path in files.ending(TABLE_SUFFIXES):
        file = _opened(files.root, path, encoding)
        key = file.names or file.width
        groups[key].append(file)
    ordered = sorted(groups.values(), key=lambda group: -sum(file.bytes for file in group))
    return [_table(files.root, group) for group in ordered]


def _opened(root: Path, path: Path, encoding: str | None) -> TableFile:
    absolute, size = root / path, (root / path).stat().st_size
    if suffix_of(path) in TEXT_SUFFIXES:
        dialect = dialect_of(absolute, encoding)
        first = next(rows_of(absolute, dialect), [])
        given = tuple(name.strip() for name in first) if dialect.header else ()
        names = _told_apart(given)
        return TableFile(path, names, len(first), dialect, split_of(path), size, renamed=names != given)
    names = _parquet_names(absolute) if suffix_of(path) == ".parquet" else _json_names(absolute)
    return TableFile(path, names, len(names), None, split_of(path), size)


def _told_apart(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names as they are where each is there once; else a number behind the second of a name, and for none."""
    if len(set(names)) == len(names):
        return names
    found: list[str] = []
    for place, name in enumerate(names):
        found.append(name if name and name not in found else f"{name or 'column'}_{place}")
    return tuple(found)


def cells_of(root: Path, file: TableFile) -> Iterator[Row]:
    """Yield the rows of a file as texts, without its header; rows of another length as they are."""
    path = root / file.path
    if file.dialect:
        rows = rows_of(path, file.dialect)
        if file.names:
            next(rows, None)
        yield from rows
    elif suffix_of(path) == ".parquet":
        yield from _parquet_rows(path, file.names)
    else:
        yield from ([_text(row.get(name)) for name in file.names] for row in json_rows(path))


def _table(root: Path, group: list[TableFile]) -> Table:
    rows, ragged, looked, width = list[Row](), 0, 0, _usual_width(root, group[0])
    total, whole = 0, True
    for file in group:
        share, read = max(MAX_ROWS // len(group), 1000), 0
        for row in islice(cells_of(root, file), share):
            read += 1
            if len(row) == width:
                rows.append(row)
            else:
                ragged += 1
        whole, looked = whole and read < share, looked + read
        total += read if read < share else _guessed_rows(root, file, read)
    names = group[0].names or ("",) * width
    commas = group[0].dialect is not None and group[0].dialect.separator != ","
    cells = list(zip(*rows, strict=True)) or [()] * width
    columns = [profile(names[place], place, cells[place], commas=commas) for place in range(width)]
    if group[0].dialect:
        columns = with_points_for_thousands(columns)
    return Table(group, columns, total, whole, ragged, rows[:1000])


def _usual_width(root: Path, file: TableFile) -> int:
    if file.names:
        return file.width
    widths = [len(row) for row in islice(cells_of(root, file), 500)]
    return max(set(widths), key=widths.count, default=0)


def _guessed_rows(root: Path, file: TableFile, read: int) -> int:
    if suffix_of(file.path) == ".parquet":
        import pyarrow.parquet

        return int(pyarrow.parquet.ParquetFile(root / file.path).metadata.num_rows)
    if suffix_of(file.path) != file.path.suffix.lower():  # packed: how long it is, only reading can tell
        return read
    sample = sum(len("".join(row)) + len(row) for row in islice(cells_of(root, file), 5000)) / min(read, 5000)
    return round(file.bytes / max(sample, 1) / 1000) * 1000


def json_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON file: one on each line, or a list of them; broken lines are passed over."""
    with opened(path, "utf-8-sig") as text:
        if suffix_of(path) == ".json" and (whole := _parsed_list(text.read())) is not None:
            yield from (row for row in whole if isinstance(row, dict))
            return
    with opened(path, "utf-8-sig") as text:
        yield from (row for line in text if isinstance(row := _parsed(line), dict))


def _parsed_list(text: str) -> list[Any] | None:
    """Return the list that a JSON file is, or the first one in its object; None for one object on each line."""
    whole = _parsed(text)
    if isinstance(whole, dict):
        return next((value for value in whole.values() if isinstance(value, list)), None)
    return whole if isinstance(whole, list) else None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def _json_names(path: Path) -> tuple[str, ...]:
    try:
        names = dict.fromkeys(name for row in islice(json_rows(path), 200) for name in row)
    except UnicodeDecodeError as error:
        raise DataError(got=f"{path.name}: {error}", expected="JSON in UTF-8", do="correct the file") from None
    return tuple(names)


def _text(value: Any) -> str:
    if value is None or isinstance(value, dict | list):  # no kind reads an object or a list in a cell
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parquet_names(path: Path) -> tuple[str, ...]:
    import pyarrow
    from pyarrow import parquet

    try:
        return tuple(parquet.read_schema(path).names)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(got=f"{path.name}: {error}", expected="a Parquet file", do="get it again") from None


def _parquet_rows(path: Path, names: tuple[str, ...]) -> Iterator[Row]:
    from pyarrow import parquet

    for batch in parquet.ParquetFile(path).iter_batches(10_000):
        columns = [
            map(_text, batch.column(name).to_pylist()) if _is_flat(batch, name) else [""] * len(batch) for name in names
        ]
        yield from (list(row) for row in zip(*columns, strict=True))


def _is_flat(batch: Any, name: str) -> bool:
    import pyarrow

    kind = batch.column(name).type
    return not pyarrow.types.is_nested(kind) and not pyarrow.types.is_binary(kind)
