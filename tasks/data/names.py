"""Spelling: the one form in which a name or a text is stored, whatever file it came from.

Names are class names, ids, categories, columns and suffixes of files. Two files that write one name in two ways (with
accents composed or not, with a line break of Excel's, as 1 or as 1.0) give one name here. What only looks alike stays
apart and is told: `near_equal`. The tables below are written out: Python's own differ from version to version.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Literal

from tasks.core.progress import say

Form = Literal["NFC", "NFKC"]

# Invisible characters that no script needs: byte order mark, soft hyphen, word joiner, marks of direction. The joiners
# U+200C and U+200D stay: Persian, the scripts of India and composed emoji are written with them.
REMOVED = (0xFEFF, 0x00AD, 0x2060, 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
# Control characters, and the space of no width, which stands between words.
SPACES = (*range(0x20), *range(0x7F, 0xA0), 0x200B)
TABLE: dict[int, str | None] = {**dict.fromkeys(REMOVED), **dict.fromkeys(SPACES, " ")}

WHOLE = re.compile(r"([+-]?)(0|[1-9][0-9]*)(\.0*)?")
BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d])[\s_-]+(?=[^\W\d])")
LEADING_ZEROS = re.compile(r"(?<![\d.,])0+(?=\d)")
ACCENTS = dict.fromkeys(range(0x300, 0x370))
COMPRESSED = ".gz"
NO_SUFFIX = "no suffix"
SHOWN = 5


def spelled(text: str, form: Form = "NFC") -> str:
    """Return a text in a normal form of Unicode, all white space and control characters as single spaces.

    A text that was spelled so stays as it is. Characters that Unicode has not assigned yet stay, too: a newer version
    may have, and a text must not depend on Python's.
    """
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize(form, text.translate(TABLE))
    return " ".join(text.split())


def name_of(text: str) -> str:
    """Return the name that a cell or a folder holds; a whole number is one name, however it is written: 1, 1.0, +1."""
    name = spelled(text)
    if (name[:1].isdigit() or name[:1] in "+-") and (whole := WHOLE.fullmatch(name)):
        return f"{'-' * (whole[1] == '-' and whole[2] != '0')}{whole[2]}"
    return name


def names_of(texts: Iterable[str]) -> list[str]:
    """Return the name that each text holds. Most are there often: each different one is looked at once."""
    known = dict[str, str]()
    found = list[str]()
    for text in texts:
        name = known.get(text)
        if name is None:
            name = known[text] = name_of(text)
        found.append(name)
    return found


def roles_of(columns: Sequence[str]) -> list[str]:
    """Return a role for each column of a file, which may name a layer: its name in small letters, digits and `_`."""
    found = list[str]()
    for number, column in enumerate(columns):
        plain = unicodedata.normalize("NFKD", name_of(column)).translate(ACCENTS).lower()
        role = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or f"column_{number}"
        role = role if role[0].isalpha() else f"column_{role}"
        found.append(role if role not in found else f"{role}_{number}")
    return found


def suffix_of(path: PurePath) -> str:
    """Return the suffix of a file in small letters, with what is under the compression: `.csv.gz` of `A.CSV.GZ`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:] if suffixes[-1:] == [COMPRESSED] else suffixes[-1:])


def is_compressed(path: PurePath) -> bool:
    """Whether a file's name says that it is gzipped."""
    return path.suffix.lower() == COMPRESSED


def near_equal(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of names that differ in case, accents, white space or leading zeros alone, in order."""
    groups = dict[str, list[str]]()
    for name in sorted(set(names)):
        groups.setdefault(_key(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).translate(ACCENTS).casefold()
    return LEADING_ZEROS.sub("", BETWEEN_LETTERS.sub("", plain))


def tell_near_equal(what: str, names: Iterable[str]) -> None:
    """Tell people which names may be meant as one; `what` they are, such as `classes`."""
    groups = near_equal(names)
    shown = "; ".join(" and ".join(map(repr, group)) for group in groups[:SHOWN])
    more = f"; {len(groups) - SHOWN} more" if len(groups) > SHOWN else ""
    if groups:
        say(f"nearly equal {what}, which stay different: {shown}{more}. Write them alike in the data if they are one")
