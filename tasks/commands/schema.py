"""Records the schema of a data set, under version control: `trimline schema target`."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tasks.commands import parser_of
from tasks.commands.stage import guarded
from tasks.core.errors import DataError, ParamsError
from tasks.core.params.data import Preprocess, Tables
from tasks.core.progress import say
from tasks.data import column_types, names
from tasks.data import schema as schemas
from tasks.data.records import Chunk, Reasons
from tasks.data.schema import Schema, rows_of
from tasks.data.text_records import EMPTY_BEHIND
from tasks.kinds import data_of
from tasks.line import params_file
from tasks.preprocess import intact

DESCRIPTION = """\
Record the schema of a data set in schemas/<role>.json, from its raw data in data/raw/<role>. Commit the file:
preprocess refuses data that break it."""


def schema(role: str, replace: bool) -> None:
    """Describe `data/raw/<role>` in `schemas/<role>.json`.

    Raises:
        DataError: there is a schema already and `replace` is false, or there are no raw data.
        ParamsError: the line has no such data set.
    """
    line = params_file.load()
    if role not in line.ingest:
        raise ParamsError(got=f"role {role!r}", expected=f"one of {', '.join(line.ingest)}", do="correct the name")
    path, raw = Path("schemas") / f"{role}.json", Path("data/raw") / role
    if path.exists() and not replace:
        raise DataError(
            got=f"{path} exists",
            do=f"`trimline schema {role} --replace` writes a new one; look at it with `git diff {path}`",
        )
    if not raw.is_dir():
        raise DataError(got=f"no {raw}", do=f"run `dvc repro ingest@{role}` first")
    params = line.preprocess[role]
    with intact(raw):
        observed = observe(raw / "files", line.kind, params)
    kept = schemas.rules_in(path)
    schemas.write(path, observed.model_copy(update={"rules": kept}))
    of_before = f" with the {len(kept)} rules of before" if kept else ""
    say(f"{path}: written{of_before}; read it, then `git add {path}`")


def observe(folder: Path, kind: str, params: Preprocess) -> Schema:
    """Describe the rows in a folder; tell which could not be read, and which names are nearly equal.

    Raises:
        DataError: there is nothing to read, or nothing can be learnt from what could be read.
    """
    reader, unreadable = import_module(f"tasks.data.formats.{params.format}"), Reasons()
    try:
        params = _with_types(reader, folder, params)
        observed = data_of(kind).observe(_noted(rows_of(reader, folder, params), unreadable), kind, params)
    except DataError as error:
        raise _explained(error, unreadable) from None
    if unreadable.counts:
        say(f"{unreadable.counts.total()} rows could not be read {unreadable}")
    names.tell_near_equal("classes", getattr(observed, "classes", []))
    return observed


def _with_types(reader: Any, folder: Path, params: Preprocess) -> Preprocess:
    """Return params with the columns of a table and their types, read from the files where params leave them open."""
    if not isinstance(params, Tables) or params.is_complete:
        return params
    whole = column_types.all_columns(reader.columns(folder, params), params)
    return column_types.detected(rows_of(reader, folder, whole), whole, params)


def _noted(chunks: Iterable[Chunk], unreadable: Reasons) -> Iterator[Chunk]:
    for chunk in chunks:
        unreadable.add(chunk.unreadable)
        yield chunk


def _explained(error: DataError, unreadable: Reasons) -> DataError:
    """Say what could not be read, which is why there was nothing to learn, or part of it."""
    if not unreadable.counts:
        return error
    longer = all(row.reason.endswith(EMPTY_BEHIND) for row in unreadable.first)
    return DataError(
        got=f"{error.got}; {unreadable.counts.total()} rows could not be read {unreadable}",
        expected=error.expected,
        do="remove the separators at the ends of the lines, such as by `sed 's/[,;]\\r*$//'`, and ingest the data again"
        if longer
        else f"correct these rows, or preprocess.<role>; else {error.do}",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline schema` and return its exit status."""
    parser = parser_of("schema", DESCRIPTION, "trimline schema target")
    parser.add_argument("role", nargs="*", help="base or target; all data sets of the line if not given")
    parser.add_argument("--replace", action="store_true", help="write a new schema over the old one")
    options = parser.parse_args(arguments)

    def record() -> None:
        for role in options.role or params_file.load().ingest:
            schema(role, options.replace)

    return guarded(record, "schema")


if __name__ == "__main__":
    sys.exit(main())
