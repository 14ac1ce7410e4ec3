"""Rules of the user's that rows keep: a small language of comparisons, of which no code is evaluated.

    age >= 0                     a column with a number; also > <= < == !=
    unit == 'kg'                 a column with a text, in quotes
    start <= end                 two columns: as numbers where both are, else as texts, which suits 2024-01-31
    unit in kg, g, lb            one of some values
    code matches [A-Z]{2}[0-9]+  a regular expression that fits the whole value
    age is present               no missing value; every other rule lets one pass
    shop, receipt is unique      no two rows with the same values; the first one stays

They stand in `rules` of schemas/<role>.json and name the keys of preprocess.<role>.columns. A row that breaks one is
quarantined, and the rule is the reason.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import numpy as np

from tasks.core.errors import DataError
from tasks.core.params.data import Preprocess, Records
from tasks.data.records import Array, BadRow, Chunk, Columns, objects
from tasks.data.splits import text_digests
from tasks.data.tables import MISSING, numbers_of

NAME = r"[a-z][a-z0-9_]*"
FORMS = "age >= 0; start <= end; unit in kg, g; code matches [A-Z]+[0-9]*; age is present; id is unique"
COMPARED = re.compile(rf"({NAME})\s*(<=|>=|==|!=|<|>)\s*(\S.*)")
QUOTED = re.compile(r"(['\"])(.*)\1")
LISTED = re.compile(rf"({NAME})\s+in\s+(\S.*)")
MATCHED = re.compile(rf"({NAME})\s+matches\s+(\S.*)")
PRESENT = re.compile(rf"({NAME})\s+is\s+present")
UNIQUE = re.compile(rf"({NAME}(?:\s*,\s*{NAME})*)\s+(?:is|are)\s+unique")
OPERATORS: dict[str, Callable[[Array, Array], Array]] = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?")
KEY = ".unique-{number}"  # the column of staged rows by which rows that are alike are found, of the rule so numbered
NO_KEY = np.void(bytes(16))  # of a row with a missing value
SHOWN = 40

Test = Callable[[Columns], Array]  # tells of each row whether it breaks a rule, (rows,) of bool


@dataclass(frozen=True)
class Rule:
    """What rows keep.

    Attributes:
        text: as the user wrote it.
        columns: that it names.
        breaks: None where all rows have to be known: no two may be alike in the columns.
    """

    text: str
    columns: tuple[str, ...]
    breaks: Test | None


@lru_cache
def parsed(text: str, known: tuple[str, ...]) -> Rule:
    """Read a rule.

    Args:
        text: of the rule.
        known: the columns that there are.

    Raises:
        ValueError: it is none, or names a column that is not known; the text is what to tell people.
    """
    stripped = text.strip()
    rule = next(filter(None, (read(stripped) for read in (_unique, _present, _matched, _listed, _compared))), None)
    if rule is None:
        raise ValueError(f"{text!r} is no rule; the forms are: {FORMS}")
    for name in rule.columns:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            meant = f"did you mean {near[0]}?" if near else f"the columns are {', '.join(known) or 'none'}"
            raise ValueError(f"{text!r} names {name}, which is no key of preprocess.<role>.columns; {meant}")
    return rule


def columns_of(params: Preprocess) -> tuple[str, ...]:
    """Return the columns that rules may name: those of records; images have none."""
    if not isinstance(params, Records):
        return ()
    return tuple(params.columns) or ("label", "text")  # of the format `lines_by_class`


def require_valid(texts: Iterable[str], params: Preprocess, schema: Path) -> list[Rule]:
    """Read the rules of a schema.

    Raises:
        DataError: one cannot be read, or names a column that is not there.
    """
    if problems := list(problems_of(texts, params)):
        raise DataError(got=f"{schema}: {'; '.join(problems)}", do=f"correct `rules` in {schema}")
    return rules_of(texts, params)


def problems_of(texts: Iterable[str], params: Preprocess) -> Iterator[str]:
    """Say what is wrong with rules."""
    for text in texts:
        try:
            parsed(text, columns_of(params))
        except ValueError as error:
            yield f"rule {error}"


def rules_of(texts: Iterable[str], params: Preprocess) -> list[Rule]:
    """Read rules that are valid."""
    return [parsed(text, columns_of(params)) for text in texts]


def _compared(text: str) -> Rule | None:
    if not (found := COMPARED.fullmatch(text)):
        return None
    name, sign, other = found.groups()
    if re.fullmatch(NAME, other):
        return Rule(text, (name, other), lambda columns: _broken(columns[name], sign, columns[other]))
    if (number := _number(other)) is not None:
        return Rule(text, (name,), lambda columns: _broken_by_number(columns[name], sign, number))
    if (quoted := QUOTED.fullmatch(other)) is None:
        return None
    wanted = objects([quoted[2]])
    return Rule(text, (name,), lambda columns: _broken(columns[name], sign, wanted.repeat(len(columns[name]))))


def _listed(text: str) -> Rule | None:
    if not (found := LISTED.fullmatch(text)):
        return None
    name, allowed = found[1], {value.strip().strip("'\"") for value in found[2].strip("[]()").split(",")}
    return Rule(text, (name,), lambda columns: _each(columns[name], lambda value: value not in allowed))


def _matched(text: str) -> Rule | None:
    if not (found := MATCHED.fullmatch(text)):
        return None
    try:
        pattern = re.compile(found[2])
    except re.error as error:
        raise ValueError(f"{text!r} has a pattern that is no regular expression: {error}") from None
    return Rule(text, (found[1],), lambda columns: _each(columns[found[1]], lambda value: not pattern.fullmatch(value)))


def _present(text: str) -> Rule | None:
    if not (found := PRESENT.fullmatch(text)):
        return None
    return Rule(text, (found[1],), lambda columns: _is_missing(columns[found[1]]))


def _unique(text: str) -> Rule | None:
    if not (found := UNIQUE.fullmatch(text)):
        return None
    return Rule(text, tuple(re.split(r"\s*,\s*", found[1])), None)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _texts(values: Array) -> list[str]:
    """Return values as texts without white space around them; a missing number as an empty one."""
    if values.dtype == object:
        return [text.strip() for text in values.tolist()]
    return ["" if np.isnan(value) else f"{value:.17g}" for value in values.tolist()]


def _is_missing(values: Array) -> Array:
    return np.array([text.casefold() in MISSING for text in _texts(values)], bool)


def _each(values: Array, is_wrong: Callable[[str], bool]) -> Array:
    """Tell of each value that is not missing whether it is wrong."""
    texts = _texts(values)
    return np.array([text.casefold() not in MISSING and is_wrong(text) for text in texts], bool)


def _numbers(values: Array) -> tuple[Array, Array]:
    """Return the numbers among values, NaN for others, and which others are there, (rows,) each."""
    numbers, wrong = numbers_of(values)
    is_text = np.zeros(len(values), bool)
    is_text[list(wrong)] = True
    return numbers, is_text


def _broken_by_number(values: Array, sign: str, number: float) -> Array:
    """What is no number breaks such a rule; what is missing does not."""
    numbers, is_text = _numbers(values)
    found: Array = is_text | ~(OPERATORS[sign](numbers, np.array(number)) | np.isnan(numbers))
    return found


def _broken(left: Array, sign: str, right: Array) -> Array:
    """Compare row by row: numbers where both are, else texts; where one is missing, nothing is broken."""
    (numbers, _), (others, _) = _numbers(left), _numbers(right)
    both = ~(np.isnan(numbers) | np.isnan(others))
    as_numbers = OPERATORS[sign](numbers, others)
    as_texts = OPERATORS[sign](objects(_texts(left)), objects(_texts(right))).astype(bool)
    keeps = np.where(both, as_numbers, as_texts) | _is_missing(left) | _is_missing(right)
    return np.asarray(~keeps)


def divided(chunk: Chunk, rules: list[Rule]) -> tuple[Chunk, list[BadRow]]:
    """Divide a chunk, as it was read, into the rows that keep the rules and those that break one."""
    reasons = dict[int, str]()
    for rule in rules if len(chunk) else ():
        if rule.breaks is not None:
            for row in np.flatnonzero(rule.breaks(chunk.columns)).tolist():
                reasons.setdefault(row, _reason(rule, chunk, row))
    keep = np.ones(len(chunk), bool)
    keep[list(reasons)] = False
    bad = [BadRow(str(chunk.sources[row]), reasons[row]) for row in sorted(reasons)]
    return chunk.chosen(keep, chunk.unreadable) if bad else chunk, bad


def _reason(rule: Rule, chunk: Chunk, row: int) -> str:
    seen = ", ".join(f"{name} is {_texts(chunk.columns[name][[row]])[0][:SHOWN]!r}" for name in rule.columns)
    return f"breaks the rule {rule.text}: {seen}"


def with_keys(good: Chunk, read: Chunk, rules: list[Rule]) -> Chunk:
    """Add to good rows what those that must differ are compared by; `read` has them as they were read."""
    found: Columns = {}
    places = dict(zip(read.sources.tolist(), range(len(read)), strict=True)) if any_unique(rules) else {}
    for number, rule in enumerate(rules):
        if rule.breaks is None:
            rows = [places[source] for source in good.sources.tolist()]
            found[KEY.format(number=number)] = _keys([read.columns[name][rows] for name in rule.columns])
    return replace(good, columns=good.columns | found) if found else good


def any_unique(rules: Iterable[Rule]) -> bool:
    """Tell whether a rule needs all rows."""
    return any(rule.breaks is None for rule in rules)


def _keys(columns: list[Array]) -> Array:
    """Return a digest of some values of each row, (rows,) of void, all zeros where one is missing."""
    keys: Array = text_digests("\x1f".join(row) for row in zip(*map(_identities, columns), strict=True)).copy()
    keys[np.any([_is_missing(column) for column in columns], axis=0)] = NO_KEY
    return keys


def _identities(values: Array) -> list[str]:
    """Return values as texts, of which 1 and 1.0 are equal, and 7 and 007 are not."""
    return [f"{float(text):.17g}" if PLAIN_NUMBER.fullmatch(text) else text for text in _texts(values)]
