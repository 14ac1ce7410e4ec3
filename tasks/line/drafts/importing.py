"""Files of data on their way into a line: copied as they are, or written anew where a reader could not take them."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tasks.core.errors import DataError
from tasks.core.files import require_free_space
from tasks.data.inspection.column_profile import Column, plain_number
from tasks.data.inspection.dialect import Dialect, Row, opened
from tasks.data.inspection.files import Files, suffix_of
from tasks.data.inspection.tables import Table, TableFile, cells_of
from tasks.line.drafts.draft import INCOMING

ENCODINGS = frozenset({"utf-8", "utf-8-sig"})
READ_AS = {".csv": ",", ".tsv": "\t"}  # suffixes that the readers take, with their separators
FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "json_lines", ".ndjson": "json_lines", ".parquet": "parquet"}
DATE_FORMATS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m", "%d.%m.%y", "%m/%d/%y")


@dataclass(frozen=True)
class Imported:
    """Data that lie in the folder of a line.

    Attributes:
        tracked: path below the line's folder.
        format: that reads them.
        header: whether the columns have names.
        changes: what was changed, in words; empty where the files were copied as they are.
    """

    tracked: Path
    format: str
    header: bool
    changes: list[str] = field(default_factory=list)


def import_table(
    files: Files, table: Table, used: list[Column], line: Path, name: str, *, dates: Column | None = None
) -> Imported:
    """Bring the files of a table into a line.

    Args:
        files: that they are among.
        table: the files to bring, with what their columns hold.
        used: the columns that have a role: how their cells are written counts.
        line: the folder of the line.
        name: of the line, which a folder of several files gets.
        dates: the column of dates that has to be understood.
    """
    dates = dates if dates and not _are_understood(dates) else None
    changes = list(_changes(table, used, dates))
    require_free_space(line, 2 * sum(file.bytes for file in table.files))
    suffix = ".csv" if changes else suffix_of(table.files[0].path)
    several = len(table.files) > 1 or bool(table.splits)
    for file in table.files:
        target = line / _target(file, name, suffix, changed=bool(changes), several=several)
        target.parent.mkdir(parents=True, exist_ok=True)
        if changes:
            _rewrite(files.root, file, _cells(used, dates), target)
        else:
            shutil.copyfile(files.root / file.path, target)
    alone = _target(table.files[0], name, suffix, changed=bool(changes), several=several)
    return Imported(INCOMING / name if several else alone, FORMATS[suffix], table.header, changes)


def _changes(table: Table, used: list[Column], dates: Column | None) -> Iterator[str]:
    """Say why a table cannot be read as it is."""
    for dialect in {file.dialect for file in table.files if file.dialect}:
        yield from _dialect_changes(table, dialect)
    if any(file.renamed for file in table.files):
        yield f"columns with the name of another one, or none, are called {', '.join(_renamed(table))}"
    if any(suffix_of(file.path) == ".json" for file in table.files):
        yield "a list in JSON becomes a table"
    for column in used:
        if column.written != "plain":
            example = _example(column)
            yield f"{example!r} in {column.title} is read as {plain_number(example, column.written)}"
        if column.placeholders:
            shown = ", ".join(f"{count} {value!r}" for value, count in column.placeholders.items())
            yield f"no value for {shown} in {column.title}"
    if dates:
        yield f"dates such as {next(iter(dates.counts))} in {dates.title} become seconds since 1970"


def _dialect_changes(table: Table, dialect: Dialect) -> Iterator[str]:
    suffixes = {suffix_of(file.path) for file in table.files}
    if dialect.encoding not in ENCODINGS:
        yield f"{dialect.encoding} becomes UTF-8" + ("" if dialect.certain else " (a guess: --encoding NAME)")
    if any(READ_AS.get(suffix) != dialect.separator for suffix in suffixes):
        yield f"columns were parted by {_called(dialect.separator)}"
    elif dialect.quoted and dialect.separator == "\t" and _has_quotes(table):
        yield "quotes around cells go"
    if dialect.width:
        yield "the separator at the end of each row goes"
    if dialect.above:
        yield f"{dialect.above} lines above the {'header' if dialect.header else 'rows'} go"
    if dialect.units:
        yield "the row of units below the header goes"


def _called(separator: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}[separator]


def _has_quotes(table: Table) -> bool:
    return any(cell != cell.strip('"') or "\t" in cell or "\n" in cell for row in table.sample for cell in row)


def _example(column: Column) -> str:
    return next(value for value in column.counts if value != plain_number(value, column.written))


def _renamed(table: Table) -> Iterator[str]:
    return (name for place, name in enumerate(table.files[0].names) if name.endswith(f"_{place}"))


def _target(file: TableFile, name: str, suffix: str, *, changed: bool, several: bool) -> Path:
    """Return where a file goes: splits are folders, which every reader of rows understands."""
    stem = file.path.name if not changed else f"{file.path.name.split('.')[0]}{suffix}"
    if not several:
        return INCOMING / stem
    inside = file.split or ""
    flat = "_".join((*file.path.parts[:-1], stem)) if not file.split else stem
    return INCOMING / name / inside / flat


def _cells(used: list[Column], dates: Column | None) -> dict[int, Callable[[str], str]]:
    """Return what becomes of the cells of a column, by its place."""
    found: dict[int, Callable[[str], str]] = {}
    for column in used:
        if column.written != "plain" or column.placeholders:
            found[column.place] = _Plain(column)
    if dates:
        found[dates.place] = as_seconds
    return found


@dataclass(frozen=True)
class _Plain:
    """Cells of numbers as the readers take them."""

    column: Column

    def __call__(self, cell: str) -> str:
        stripped = cell.strip()
        return "" if stripped in self.column.placeholders else _plain_or_same(stripped, self.column)


def _plain_or_same(cell: str, column: Column) -> str:
    from tasks.data.inspection.column_profile import is_number

    return plain_number(cell, column.written) if is_number(cell, column.written) else cell


def as_seconds(cell: str) -> str:
    """Return a date as seconds since 1970; what is no date stays, for the reader to name."""
    stripped = cell.strip()
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        moment = next(filter(None, (_parsed(stripped, form) for form in DATE_FORMATS)), None)  # type: ignore[assignment]
    if moment is None:
        return cell
    return f"{(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp():.0f}"


def _are_understood(dates: Column) -> bool:
    """Whether the readers take the dates as they are: those of ISO 8601, and numbers."""
    return dates.holds == "number" or all(_is_iso(value) for value in dates.counts)


def _is_iso(text: str) -> bool:
    try:
        return bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None


def _rewrite(root: Path, file: TableFile, cells: dict[int, Callable[[str], str]], target: Path) -> None:
    with target.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        if file.names:
            writer.writerow(file.names)
        for row in _strict_rows(root, file):
            writer.writerow(cells[place](cell) if place in cells else cell for place, cell in enumerate(row))


def _strict_rows(root: Path, file: TableFile) -> Iterator[Row]:
    """Yield the rows of a file; a quote that is amiss is no licence to swallow lines.

    Raises:
        DataError: a quote neither opens nor closes a cell; the message has the line.
    """
    if not file.dialect or not file.dialect.quoted or file.dialect.separator == " ":
        yield from cells_of(root, file)
        return
    with opened(root / file.path, file.dialect.encoding) as text:
        reader = csv.reader(text, delimiter=file.dialect.separator, strict=True)
        try:
            header = file.dialect.above if file.names else -1
            for number, row in enumerate(row for row in reader if row):
                if number != header and file.dialect.is_row(number):
                    yield file.dialect.trimmed(row)
        except csv.Error as error:
            raise DataError(
                got=f"{file.path}, line {reader.line_num}: {error}", expected="quotes that open and close a cell",
                do='write a quote inside a cell as "", or correct the line, and run the command again',
            ) from None  # fmt: skip


def import_rows(rows: Iterator[tuple[Path, dict[str, str]]], line: Path, name: str) -> Path:
    """Write texts that were files as JSON lines, one file for each split; returns the path below the line."""
    for place, row in rows:
        target = line / INCOMING / name / place
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a", encoding="utf-8") as text:
            text.write(json.dumps(row, ensure_ascii=False) + "\n")
    return INCOMING / name


def import_files(root: Path, wanted: dict[Path, Path], line: Path, name: str) -> Path:
    """Copy files into a folder of a line; returns its path below the line.

    Args:
        root: the folder that they lie in.
        wanted: where each goes, below the new folder, by its path below `root`.
        line: the folder of the line.
        name: of the new folder.
    """
    require_free_space(line, 2 * sum((root / path).stat().st_size for path in wanted))
    for path, place in wanted.items():
        target = line / INCOMING / name / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, target)
    return INCOMING / name


def import_whole(source: Path, line: Path) -> Path:
    """Copy a file or an archive as it is; returns its path below the line."""
    require_free_space(line, 2 * source.stat().st_size)
    target = line / INCOMING / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return INCOMING / source.name
