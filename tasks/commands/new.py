"""Writes the first files of a line for data that it looks at; `trimline new` does the rest.

trimline new-files DATA FOLDER --name NAME [--yes] [--kind KIND] [--target COLUMN] ...
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tasks.commands import parser_of
from tasks.commands.stage import guarded
from tasks.core.errors import DataError, ParamsError
from tasks.core.files import write_json
from tasks.core.progress import say
from tasks.data.inspection.files import Files, found_at
from tasks.data.inspection.pictures import pictures_in
from tasks.data.inspection.tables import Table, tables_in
from tasks.line import params_file
from tasks.line.drafts import catalogues, parallel, picture_labels, pictures, records, texts
from tasks.line.drafts.choices import Choices
from tasks.line.drafts.draft import Draft, Key, params_text

MIN_CLASSES = 2
FACTS = "new.json"  # for the flow: what DVC has to add, and what to say
UNREAD = {
    ".xlsx": "save it as CSV",
    ".xls": "save it as CSV",
    ".ods": "save it as CSV",
    ".pdf": "bring text or pictures",
}


def new_files(source: Path, folder: Path, name: str, choices: Choices) -> None:
    """Write `params.yaml` and the data of a new line into a folder, and say what was seen.

    Raises:
        DataError: the data cannot be read, or nothing says what to learn from them.
        ParamsError: an option is none.
    """
    with found_at(source) as files:
        say(f"looking at {source} ...")
        draft = drafted(files, choices, folder, name)
    for sentence in draft.seen:
        say(f"  {sentence}")
    say(f"kind of work: {draft.kind}")
    for sentence in draft.chosen:
        say(f"  {sentence}")
    if size := choices.given("max-size"):
        draft.sections.append(Key("release", {"max_size_bytes": _bytes(size)}, "of the released file"))
    purpose = choices.text("task-purpose", "What is the model for? One sentence, for its card.", draft.task)
    (folder / "params.yaml").write_text(params_text(draft, name, purpose, source.name), encoding="utf-8")
    params_file.load(folder / "params.yaml")
    facts = {"tracked": draft.tracked.as_posix(), "minutes": draft.minutes, "kind": draft.kind, "rows": draft.rows}
    write_json(folder / FACTS, facts)


def drafted(files: Files, choices: Choices, folder: Path, name: str) -> Draft:
    """Return the draft of a line: for pictures where most of the files are some, else for what the files hold."""
    kind = choices.one_of("kind", list(records.KINDS))
    if kind in {None, "image_classification"}:
        level = choices.one_of("class-folder", ["first", "last"])
        found = pictures_in(files, level)  # type: ignore[arg-type]
        if kind or 2 * (len(found.places) + len(found.stray)) > len(files.paths):
            if len(found.classes) < MIN_CLASSES:
                found = picture_labels.with_labels(files, found, _tables(files, choices), choices)
            return pictures.drafted(files, found, folder, name)
    if kind in {None, "translation"} and files.ending([".mo"]):
        return catalogues.drafted(files, folder, name)
    if kind in {None, "text_classification"} and (documents := texts.document_places(files)):
        return texts.drafted(files, documents, {}, folder, name)
    if kind in {None, "translation"} and (sides := parallel.sides_in(files, choices)):
        return parallel.drafted(files, sides, folder, name)
    every = _tables(files, choices)
    tables = [table for table in every if table.rows > 1]
    if not tables and kind in {None, "text_classification"} and (lines := texts.line_files(files)):
        return texts.drafted(files, [], lines, folder, name)
    if not tables:
        raise _unread(files, every)
    return records.drafted(files, tables, choices, folder, name)


def _tables(files: Files, choices: Choices) -> list[Table]:
    return [table for table in tables_in(files, choices.given("encoding")) if len(table.columns) > 1]


def _bytes(size: str) -> int:
    if not size.isdigit() or not int(size):
        raise ParamsError(got=f"--max-size {size}", expected="a number of bytes, such as 500000", do="correct it")
    return int(size)


def _unread(files: Files, tables: list[Table]) -> DataError:
    if tables:
        return DataError(
            got=f"{tables[0].files[0].path} with names of {len(tables[0].columns)} columns and no rows below",
            expected="rows to learn from, dozens at least", do="bring the rows",
        )  # fmt: skip
    suffix = next((path.suffix.lower() for path in files.paths if path.suffix.lower() in UNREAD), "")
    return DataError(
        got=f"{files.source.name} with {files.counted()}, and nothing to learn from in it",
        expected="pictures in a folder for each class; a table with columns; texts with classes; pairs of sentences",
        do=UNREAD.get(suffix, "bring data in one of these forms; docs/how-to/new.md shows each"),
    )


# What the options say, is in the help of `trimline new`, which passes them on.
OPTIONS = (
    "kind", "target", "text", "label", "source", "user", "item", "rating", "time", "group", "class-folder", "encoding",
    "task-purpose", "max-size",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline new-files` and return its exit status."""
    parser = parser_of(
        "new-files", "Write the first files of a line.", "trimline new-files photos.zip /tmp/line --name photos"
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    for option in OPTIONS:
        parser.add_argument(f"--{option}")
    options = parser.parse_args(arguments)
    values = {name: getattr(options, name.replace("-", "_")) for name in OPTIONS}
    choices = Choices(values, interactive=not options.yes and sys.stdin.isatty() and sys.stdout.isatty())
    return guarded(lambda: new_files(options.data, options.folder, options.name, choices), "new")


if __name__ == "__main__":
    sys.exit(main())
