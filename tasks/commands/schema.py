"""Records the schema of a data set, under version control: `trimline schema target`."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tasks.commands import parser_of
from tasks.commands.stage import guarded
from tasks.core.errors import DataError, ParamsError
from tasks.core.progress import say
from tasks.data import schema as schemas
from tasks.data.schema import rows_of
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
    reader = import_module(f"tasks.data.formats.{params.format}")
    with intact(raw):
        rows = rows_of(reader, raw / "files", params)
        observed = data_of(line.kind).observe(rows, line.kind, params)
    kept = schemas.rules_in(path)
    schemas.write(path, observed.model_copy(update={"rules": kept}))
    of_before = f" with the {len(kept)} rules of before" if kept else ""
    say(f"{path}: written{of_before}; read it, then `git add {path}`")


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
