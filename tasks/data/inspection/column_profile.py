"""What a column of cells holds: numbers, dates, categories, texts, identifiers, blanks."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Literal

from tasks.data.tables import MISSING

# What people write for "no value", beside what the readers know of.
PLACEHOLDERS = frozenset({"-", "--", ".", "*", "unknown", "missing", "#na", "nat", "(null)", "-nan"})
NEGATIVE = "\u2212"  # the sign of typesetters
PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
GROUPED = "'\u2019 \u00a0\u202f"  # what else stands between thousands
WITH_POINT = re.compile(rf"(\d{{1,3}}([,{GROUPED}]\d{{3}})+|\d+)(\.\d+)?|\.\d+")
WITH_COMMA = re.compile(rf"(\d{{1,3}}([.{GROUPED}]\d{{3}})+|\d+)(,\d+)?|,\d+")
POINTS_FOR_THOUSANDS = re.compile(r"[-+]?\d{1,3}(\.\d{3})+")
# $12, 7.5 %, 48,411 km: a number in the dress of a report, a unit before or behind it.
DRESSED = re.compile(
    rf"(?P<before>[$€£¥]|[A-Z]{{3}}(?=\s))?\s?(?P<sign>[-+\u2212]?)\s?(?P<after_sign>[$€£¥])?"
    rf"(?P<number>[\d.,{GROUPED}]*\d)\s?(?P<behind>[$€£¥%‰]|°?[^\W\d_]{{1,6}}[²³]?(/[^\W\d_]{{1,4}})?)?"
)
DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?"
    r"\s?(Z|[-+]\d{2}:?\d{2}|AM|PM|am|pm)?"
)
NEARLY_ALL = 0.95  # of the cells that are filled: so many have to be numbers, or dates

Written = Literal["plain", "comma", "dressed", "dressed_comma"]
WITH_POINTS: tuple[Written, ...] = ("plain", "dressed", "comma", "dressed_comma")
WITH_COMMAS: tuple[Written, ...] = ("plain", "comma", "dressed_comma", "dressed")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: as the file has it; empty where it has none.
        place: from 0.
        rows: how many cells.
        blanks: cells without a value.
        counts: the different values without blanks, each with how many rows have it.
        holds: `number`, `date`, `text`, or `nothing`.
        written: how its numbers are written: `comma` before the decimals, `dressed` with a unit or groups of thousands.
        units: that numbers have; where they are several, it holds texts.
        placeholders: what stands for no value in it, such as `?`, with how often.
        whole: whether its numbers are whole.
        words: mean number of words of a value.
        first: the value of the first rows, in their order.
    """

    name: str
    place: int
    rows: int
    blanks: int
    counts: Counter[str]
    holds: Literal["number", "date", "text", "nothing"]
    written: Written
    units: tuple[str, ...]
    placeholders: dict[str, int]
    whole: bool
    words: float
    first: tuple[str, ...]

    @property
    def distinct(self) -> int:
        """How many different values it has."""
        return len(self.counts)

    @property
    def filled(self) -> int:
        """How many cells have a value."""
        return self.counts.total()

    @property
    def unique(self) -> bool:
        """Whether no value is there twice."""
        return self.filled > 1 and self.distinct == self.filled

    @property
    def title(self) -> str:
        """What to call it when talking to people."""
        return self.name or f"column {self.place}"

    def numbers(self) -> list[float]:
        """Return its different numbers, in order."""
        return sorted({as_number(value, self.written) for value in self.counts if is_number(value, self.written)})

    def counts_up(self) -> bool:
        """Whether its first rows are numbered one by one."""
        if self.holds != "number" or not self.whole or not self.unique:
            return False
        values = [as_number(value, self.written) for value in self.first]
        return len(values) > 2 and all(after - before == 1 for before, after in pairwise(values))


def profile(name: str, place: int, cells: Sequence[str], *, commas: bool = False) -> Column:
    """Describe a column by its cells.

    Args:
        name, place: of the column.
        cells: as the file has them.
        commas: whether 1,234 is rather 1.234 than 1234: so it is where no comma separates the cells.
    """
    counts = Counter(cell.strip() for cell in cells)
    blanks = sum(counts.pop(value) for value in list(counts) if value.casefold() in MISSING)
    holds, written, units = _holds(counts, WITH_COMMAS if commas else WITH_POINTS)
    placeholders = {}
    if holds in {"number", "date"}:
        placeholders = {value: counts.pop(value) for value in list(counts) if value.casefold() in PLACEHOLDERS}
    rows_with = max(1, counts.total())
    return Column(
        name=name.strip(), place=place, rows=len(cells), blanks=blanks + sum(placeholders.values()), counts=counts,
        holds=holds, written=written, units=units, placeholders=placeholders,
        whole=holds == "number" and all(_is_whole(value, written) for value in counts),
        words=sum(len(value.split()) * rows for value, rows in counts.items()) / rows_with,
        first=tuple(value for value in (cell.strip() for cell in cells[:50]) if value),
    )  # fmt: skip


def with_points_for_thousands(columns: list[Column]) -> list[Column]:
    """Read 2.552 as 2552 where another column of the table has decimal commas and all points part thousands."""
    if not any(column.written in {"comma", "dressed_comma"} and any("," in value for value in column.counts)
               for column in columns):  # fmt: skip
        return columns
    return [_whole_thousands(column) if _has_thousands(column) else column for column in columns]


def _has_thousands(column: Column) -> bool:
    pointed = [value for value in column.counts if "." in value]
    fits = all(POINTS_FOR_THOUSANDS.fullmatch(value) for value in pointed)
    return column.holds == "number" and column.written == "plain" and bool(pointed) and fits


def _whole_thousands(column: Column) -> Column:
    return replace(column, written="comma", whole=all(_is_whole(value, "comma") for value in column.counts))


def _holds(
    counts: Counter[str], ways: tuple[Written, ...]
) -> tuple[Literal["number", "date", "text", "nothing"], Written, tuple[str, ...]]:
    told = Counter({value: rows for value, rows in counts.items() if value.casefold() not in PLACEHOLDERS})
    if not told:
        return ("text" if counts else "nothing"), "plain", ()
    if _fraction(told, DATE.fullmatch) >= NEARLY_ALL and _fraction(told, PLAIN.fullmatch) < NEARLY_ALL:
        return "date", "plain", ()
    for written in ways:
        if _fraction(told, partial(is_number, written=written)) >= NEARLY_ALL:
            units = tuple(sorted({unit for value in told if (unit := unit_of(value))}))
            return ("number", written, units) if len(units) < 2 else ("text", "plain", units)
    return "text", "plain", ()


def _fraction(counts: Counter[str], fits: Callable[[str], object]) -> float:
    return sum(rows for value, rows in counts.items() if fits(value)) / counts.total()


def is_number(text: str, written: Written) -> bool:
    """Whether a text is a number, in one of three ways of writing."""
    if PLAIN.fullmatch(text):
        return True
    if written == "comma":
        return bool(WITH_COMMA.fullmatch(text.lstrip("+-")))
    if written == "plain" or not (found := DRESSED.fullmatch(text)):
        return False
    return bool((WITH_COMMA if written == "dressed_comma" else WITH_POINT).fullmatch(found["number"]))


def unit_of(text: str) -> str:
    """Return what stands before or behind a number that is no plain one; nothing where nothing does."""
    found = None if PLAIN.fullmatch(text) else DRESSED.fullmatch(text)
    return "".join(filter(None, (found["before"], found["after_sign"], found["behind"]))) if found else ""


def as_number(text: str, written: Written) -> float:
    """Return the number that a text is."""
    return float(plain_number(text, written))


def plain_number(text: str, written: Written) -> str:
    """Return a number as the readers take it: with a decimal point, without anything around or between."""
    is_plain = PLAIN.fullmatch(text) and not (written != "dressed" and POINTS_FOR_THOUSANDS.fullmatch(text))
    if written == "plain" or is_plain or not (found := DRESSED.fullmatch(text)):
        return text
    point, groups = (",", ".") if written in {"comma", "dressed_comma"} else (".", ",")
    digits = re.sub(f"[{re.escape(groups)}{GROUPED}]", "", found["number"]).replace(point, ".")
    return f"{'-' if found['sign'] in {'-', NEGATIVE} else ''}{digits}"


def _is_whole(text: str, written: Written) -> bool:
    return is_number(text, written) and as_number(text, written).is_integer()
