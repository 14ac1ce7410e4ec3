"""The draft of a line for catalogues of GNU gettext: the messages of programs with their translations."""

from collections.abc import Iterator
from pathlib import Path

from tasks.data.formats import mo_catalogues
from tasks.data.inspection.files import Files
from tasks.line.drafts import effort
from tasks.line.drafts.draft import Draft, Key
from tasks.line.drafts.importing import Imported, import_files, import_whole
from tasks.line.drafts.records import pairs_draft
from tasks.line.drafts.trial import typed_section

FORMAT = "mo_catalogues"


def drafted(files: Files, line: Path, name: str) -> Draft:
    """Return the draft of a line for the catalogues among some files, which are brought into its folder."""
    catalogues = files.ending([".mo"])
    alone = files.source.is_file() and len(files.paths) == 1
    tracked = (
        import_whole(files.root / catalogues[0], line) if alone
        else import_files(files.root, {path: Path("_".join(path.parts)) for path in catalogues}, line, name)
    )  # fmt: skip
    imported = Imported(tracked, FORMAT, header=False)
    rows = sum(_messages(line / tracked))
    seen = f"{len(catalogues)} catalogues with {rows:,} messages and what they are in another language"
    return pairs_draft(files, rows, imported, [Key("format", FORMAT)], effort.of_pairs(rows), line, seen, [])


def _messages(path: Path) -> Iterator[int]:
    params = typed_section("translation", {"format": FORMAT})
    for part in mo_catalogues.parts(path if path.is_dir() else path.parent, params):
        yield from map(len, mo_catalogues.chunks(part, params))
