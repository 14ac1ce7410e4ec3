"""The draft of a line for texts that are files: a folder of them for each class, or a file of lines for each."""

import email
import email.policy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tasks.data.inspection.dialect import encoding_of
from tasks.data.inspection.files import Files, split_of, stem_of, suffix_of
from tasks.data.inspection.pictures import Place, places_of
from tasks.data.records import SplitName
from tasks.line.drafts import effort
from tasks.line.drafts.draft import Draft, Key
from tasks.line.drafts.importing import Imported, import_rows
from tasks.line.drafts.records import _with_trial, are_english, text_keys
from tasks.line.drafts.splits import split_of_rows

MIN_DOCUMENTS, MIN_LINES, MAX_FILES = 20, 10, 200
NO_DATA = frozenset({"readme", "license", "licence", "about", "changelog", "citation"})
DOCUMENTS = frozenset({".txt", "", ".eml", ".htm", ".html", ".md"})  # the oldest collections of mails have no suffix


def document_places(files: Files) -> list[Place]:
    """Return the class of each file where every class is a folder of many texts; empty where it is not so."""
    paths = [path for path in files.paths if suffix_of(path) in DOCUMENTS or path.suffix[1:].isdigit()]
    paths = [path for path in paths if stem_of(path).casefold() not in NO_DATA and len(path.parts) > 1]
    if len(paths) < max(MIN_DOCUMENTS, 0.5 * len(files.paths)):
        return []
    placed, _ = places_of(paths, "last")
    classes = Counter(place.name for place in placed)
    return placed if len(classes) > 1 and max(classes.values()) >= 5 else []


def line_files(files: Files) -> dict[Path, str]:
    """Return the class of each file where every file has the texts of one class; empty where it is not so.

    The classes are what tells the names apart: of spam.txt and ham.txt the stem, of polarity.neg and polarity.pos the
    suffix.
    """
    paths = [path for path in files.paths if stem_of(path).casefold() not in NO_DATA and has_lines(files.root / path)]
    if not 2 <= len(paths) <= MAX_FILES or len({path.parent for path in paths}) > 3:
        return {}
    stems, suffixes = {path.stem for path in paths}, {path.suffix for path in paths}
    if len(stems) == 1 and len(suffixes) == len(paths):
        return {path: path.suffix[1:] for path in paths}
    return {path: path.stem for path in paths} if suffixes == {".txt"} else {}


def has_lines(path: Path) -> bool:
    """Whether a file begins with several lines of text."""
    with path.open("rb") as file:
        sample = file.read(1 << 16)
    return sample.count(b"\n") >= MIN_LINES and b"\0" not in sample


def drafted(files: Files, documents: list[Place], lines: dict[Path, str], line: Path, name: str) -> Draft:
    """Return the draft of a line for texts; they are brought in as JSON lines.

    Args:
        files: that the texts are among.
        documents: files that are a text each; empty where `lines` has them.
        lines: the class of each file of lines.
        line: the folder of the line.
        name: of the line.
    """
    rows = list(_documents(files, documents) if documents else _lines(files, lines))
    rest = files.counted(but=[place.path for place in documents] or lines)
    left = [f"other files, left out: {rest}"] if rest else []
    if blank := 0 if documents else sum(not text.strip() for path in lines for text in lines_of(files.root / path)):
        left.append(f"{blank:,} blank lines are left out")
    given = {split for split, _ in rows if split}
    classes = Counter(row["label"] for _, row in rows)
    tracked = import_rows(((Path(split or "", "texts.jsonl"), row) for split, row in rows), line, name)
    imported = Imported(tracked, "json_lines", header=True)
    split, chosen = split_of_rows(len(rows), given, "texts")
    keys = [
        Key("format", "json_lines"),
        Key("columns", {"text": "text", "label": "label"}),
        *text_keys([row["text"] for _, row in rows]),
        split,
    ]
    trial, keys = _with_trial(line, imported, "text_classification", keys)
    work = effort.of_texts(len(rows), are_english(row["text"] for _, row in rows))
    what = (
        f"{len(rows):,} files, a text each,"
        if documents
        else f"{len(rows):,} lines of {len(lines)} files, a text each,"
    )
    counts = ", ".join(f"{label} {count}" for label, count in classes.most_common(8))
    return Draft(
        kind="text_classification", tracked=tracked, rows=len(rows),
        seen=[f"{what} in {len(classes)} classes: {counts}" + (", ..." if len(classes) > 8 else "")],
        chosen=[*left, f"brought together in {tracked}, as JSON lines", chosen, *trial, work.why],
        preprocess=[*keys, *work.preprocess],
        sections=work.sections, minutes=work.minutes, task=f"Telling texts of {len(classes)} classes apart.",
        limits=f"Learnt from {len(rows):,} texts of {files.source.name}; says one of its classes of any text.",
    )  # fmt: skip


Text = tuple[SplitName | None, dict[str, str]]


def _documents(files: Files, places: list[Place]) -> Iterator[Text]:
    for place in places:
        yield place.split, {"text": _document(files.root / place.path), "label": place.name}


def _lines(files: Files, lines: dict[Path, str]) -> Iterator[Text]:
    for path, label in lines.items():
        for text in lines_of(files.root / path):
            if text.strip():
                yield split_of(path), {"text": text.rstrip("\r"), "label": label}


def _document(path: Path) -> str:
    """Return the text of a file; of a mail its subject and its text, without the other headers."""
    if path.suffix.lower() != ".eml":
        return read(path)
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = mail.get_body(("plain", "html"))
    return f"{mail['subject'] or ''}\n{body.get_content() if body else ''}"


def lines_of(path: Path) -> list[str]:
    """Return the lines of a text file, blank ones among them."""
    return read(path).removesuffix("\n").split("\n")


def read(path: Path) -> str:
    """Return the content of a text file, whatever its encoding."""
    content = path.read_bytes()
    encoding, _ = encoding_of(content)
    return content.decode(encoding, "replace")
