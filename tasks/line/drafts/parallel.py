"""The draft of a line for parallel files: a sentence in a line of one, its translation in that line of the other."""

from itertools import zip_longest
from pathlib import Path

from tasks.core.errors import DataError
from tasks.data.inspection.files import Files, stem_of
from tasks.data.inspection.names import LANGUAGES
from tasks.line.drafts import effort
from tasks.line.drafts.choices import Choices, Reading
from tasks.line.drafts.draft import Draft, Key
from tasks.line.drafts.importing import Imported, import_rows
from tasks.line.drafts.records import pairs_draft
from tasks.line.drafts.texts import NO_DATA, has_lines, lines_of

Sides = tuple[Path, Path]


def sides_in(files: Files, choices: Choices) -> Sides | None:
    """Return two files whose names end with their languages: corpus.en and corpus.fr, en.txt and fr.txt.

    Raises:
        DataError: they are not equally long, or may be texts to tell languages by, and nobody says which.
    """
    paths = [path for path in files.paths if stem_of(path).casefold() not in NO_DATA]
    if len(paths) != 2 or not all(_language(path) and has_lines(files.root / path) for path in paths):
        return None
    first, second = sorted(paths, key=lambda path: (_language(path) not in FIRST, path))
    counts = [len(lines_of(files.root / path)) for path in (first, second)]
    if counts[0] != counts[1]:
        if choices.given("kind") or abs(counts[0] - counts[1]) * 10 <= max(counts):
            raise DataError(
                got=f"{first} with {counts[0]:,} lines beside {second} with {counts[1]:,}",
                expected="a line of one for each line of the other, as translations have",
                do="mend the files; or, to tell their languages apart, --kind text_classification",
            )
        return None
    languages = Reading("text_classification", "the language of a text is what is told")
    pairs = Reading("translation", f"each line of {first} is translated by that of {second}")
    sure = first.suffix.casefold()[1:] in LANGUAGES  # as corpora of translations are named, and little else
    wanted = choices.choose("kind", "What are the two files?", [pairs, languages], sure=sure)
    return (first, second) if wanted == "translation" else None


FIRST = frozenset({"en", "english", "source", "src"})


def _language(path: Path) -> str:
    """Return the language that a name ends with, in front of `.txt` or as its suffix; nothing where it has none."""
    last = path.name.casefold().removesuffix(".txt").replace("-", ".").replace("_", ".").rpartition(".")[2]
    return last if last in LANGUAGES else ""


def drafted(files: Files, sides: Sides, line: Path, name: str) -> Draft:
    """Return the draft of a line for two parallel files, which are brought in as JSON lines.

    Lines that are blank on one side are left to the reader, which names them.
    """
    source, target = (lines_of(files.root / path) for path in sides)
    both = [
        (Path("pairs.jsonl"), {"source": one.strip(), "target": other.strip()})
        for one, other in zip_longest(source, target, fillvalue="")
    ]
    tracked = import_rows(iter(both), line, name)
    imported = Imported(tracked, "json_lines", header=True)
    columns = {"source": "source", "target": "target"}
    keys = [Key("format", "json_lines"), Key("columns", columns, "swap them for the other direction")]
    keys.append(Key("header", True))
    seen = f"{len(both):,} lines of {sides[0]}, each with its translation in {sides[1]}"
    chosen = [f"brought together in {tracked}, as JSON lines"]
    return pairs_draft(files, len(both), imported, keys, effort.of_pairs(len(both)), line, seen, chosen)
