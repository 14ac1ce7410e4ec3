"""Classes of pictures that a table names beside them, as `labels.csv` does: a row for each picture."""

from collections.abc import Mapping
from pathlib import Path

from tasks.core.errors import DataError
from tasks.data.inspection.column_profile import Column
from tasks.data.inspection.files import Files
from tasks.data.inspection.pictures import Pictures, labelled
from tasks.data.inspection.tables import Table, cells_of
from tasks.line.drafts.choices import Choices
from tasks.line.drafts.roles import label_of

NAMED = 0.5  # of the values of a column are names of pictures


def with_labels(files: Files, found: Pictures, tables: list[Table], choices: Choices) -> Pictures:
    """Return pictures with the classes that a table names, by their paths, names, or names without suffix.

    Args:
        files: of the folder.
        found: its pictures.
        tables: its tables.
        choices: `--label` names the column of the classes.

    Returns:
        The pictures as they are where no table names them.

    Raises:
        DataError: a picture is given two classes, or several columns may be the classes.
    """
    paths = [*found.stray, *(place.path for place in found.places)]
    names = {name: path for path in paths for name in (path.stem, path.name, path.as_posix())}
    for table in tables:
        picture = next((column for column in table.columns if _names_pictures(column, names)), None)
        label = label_of(table, picture, choices, asked=True) if picture else None
        if picture and label:
            classes = _of_rows(files, table, picture.place, label.place, names)
            return labelled(files, found, classes, [file.path for file in table.files])
    return found


def _names_pictures(column: Column, names: Mapping[str, Path]) -> bool:
    known = sum(value in names for value in column.counts)
    return known > 1 and known >= NAMED * column.distinct


def _of_rows(files: Files, table: Table, picture: int, label: int, names: Mapping[str, Path]) -> dict[Path, str]:
    classes: dict[Path, str] = {}
    for file in table.files:
        for row in cells_of(files.root, file):
            path = names.get(row[picture].strip()) if len(row) > max(picture, label) else None
            name = row[label].strip().replace("/", "_") if path else ""
            if path is None or not name:
                continue
            if classes.setdefault(path, name) != name:
                raise DataError(
                    got=f"{file.path}: {path} has the class {classes[path]!r} and the class {name!r}",
                    expected="one class for each picture", do="take out one of the rows",
                )  # fmt: skip
    return classes
