"""Which column is what: the target, the text, who rated which item, what is left out."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tasks.core.errors import DataError
from tasks.data.inspection.column_profile import Column, is_number
from tasks.data.inspection.names import (
    CLASS_WORDS,
    GROUPS,
    ID_NAME,
    LABELS,
    LANGUAGES,
    NO_TEXTS,
    PERHAPS_TARGETS,
    TARGET_WORDS,
    TARGETS,
    TEXTS,
    TIMES,
    words_of,
)
from tasks.data.inspection.tables import Table
from tasks.line.drafts.choices import NONE, Choices, Reading

MAX_CATEGORIES, MAX_CLASSES, FEW_WHOLE_NUMBERS = 1000, 1000, 10
MARGIN = 3  # what the name and the place of one column have to say more than those of another
TEXT_WORDS, TEXT_CHARACTERS = 3, 15  # in the mean; the second is for scripts without spaces


@dataclass(frozen=True)
class TableRoles:
    """A table that a number or a class is predicted of.

    Attributes:
        kind: `regression` or `tabular_classification`.
        target: what is predicted.
        numeric, categorical: what it is predicted from.
        left_out: the other columns, each with the reason.
        group: the column whose equal values belong together, None for none.
        time: the column that says when, None for none.
        because: why this is the target.
    """

    kind: str
    target: Column
    numeric: list[Column]
    categorical: list[Column]
    left_out: dict[str, str]
    group: Column | None
    time: Column | None
    because: str


@dataclass(frozen=True)
class NamedRoles:
    """Columns by their roles, of the other kinds; the others are left out.

    Attributes:
        columns: by role.
        left_out: titles of the other columns.
        because: how they were found.
        group, time: see `TableRoles`.
    """

    columns: dict[str, Column]
    left_out: list[str] = field(default_factory=list)
    because: str = ""
    group: Column | None = None
    time: Column | None = None


def is_text(column: Column) -> bool:
    """Whether a column holds texts that people wrote, rather than names of a few things."""
    if column.holds != "text" or column.distinct < 0.5 * column.filled or set(words_of(column.name)) & NO_TEXTS:
        return False
    return column.words >= TEXT_WORDS or mean_characters(column) >= TEXT_CHARACTERS


def mean_characters(column: Column) -> float:
    """Return the mean number of characters of a value."""
    return sum(len(value) * rows for value, rows in column.counts.items()) / max(1, column.filled)


def named(columns: Iterable[Column], names: frozenset[str]) -> Column | None:
    """Return the first column whose whole name is one of some; None where there is none."""
    return next((column for column in columns if "".join(words_of(column.name)) in names), None)


SIDES = frozenset({"source", "target", "src", "tgt"})


def pair_roles(table: Table, choices: Choices, *, asked: bool) -> NamedRoles | None:
    """Return the two columns of sentences that say the same in two languages; None where there are none."""
    texts = [column for column in table.columns if column.holds == "text" and column.distinct > 0.3 * column.filled]
    named = [column for column in texts if set(words_of(column.name)) & LANGUAGES]
    if len(named) > 2:  # "source" may be where a pair is from
        named = [column for column in named if set(words_of(column.name)) & (LANGUAGES - SIDES)]
    given = [choices.given("source"), choices.given("text")]
    if asked and all(given):
        texts = [table.column(str(name)) for name in given]
    elif len(named) == 2:
        texts = named
    elif not asked and (table.header or len(texts) < 2 or not all(column.words > 1 for column in texts[:2])):
        return None
    if len(texts) < 2 or (not asked and len(table.columns) - len(texts) > 1):
        return None
    left = [column.title for column in table.columns if column not in texts[:2]]
    return NamedRoles({"source": texts[0], "target": texts[1]}, left, "two columns of sentences")


def text_roles(table: Table, choices: Choices, *, asked: bool) -> NamedRoles | None:
    """Return the texts and their classes; None where no column holds texts, or none holds classes.

    Raises:
        DataError: several columns may be the classes.
    """
    texts = [column for column in table.columns if is_text(column)]
    wanted = choices.given("text")
    text = table.column(wanted) if wanted else named(texts, TEXTS) or max(texts, key=mean_characters, default=None)
    if text is None:
        text = max(table.columns, key=mean_characters, default=None) if asked else None
    if text is None:
        return None
    label = label_of(table, text, choices, asked)
    if label is None:
        return None
    others = [column for column in table.columns if column not in (text, label)]
    group = _group_of(table, others, choices)
    left = [column.title for column in others]
    return NamedRoles(
        {"text": text, "label": label}, left, "texts beside classes", group, _time_of(table, others, choices)
    )


def label_of(table: Table, text: Column, choices: Choices, asked: bool) -> Column | None:
    """Return the column of the classes of what another column has or names; None where no column may be that.

    Raises:
        DataError: several may be.
    """
    wanted = choices.given("label") or choices.given("target")
    if wanted:
        return table.column(wanted)
    fits = [column for column in table.columns if column is not text and _may_be_classes(column)]
    named = [column for column in fits if "".join(words_of(column.name)) in LABELS] or fits
    named = _without_numbers_of_names(named)
    if len(named) < 2:
        return named[0] if named else None
    if not asked and len(fits) > 3:
        return None
    readings = [Reading(column.title, f"{column.title} with {column.distinct} classes") for column in named]
    return table.column(choices.choose("label", "Which column has the classes?", readings, sure=False))


def _may_be_classes(column: Column) -> bool:
    few = 2 <= column.distinct <= min(MAX_CLASSES, max(2, column.filled // 3))
    return few and (column.holds == "text" or (column.holds == "number" and column.whole))


def _without_numbers_of_names(columns: list[Column]) -> list[Column]:
    """Leave out numbers that count the classes which another column has by name."""
    names = [column for column in columns if column.holds == "text"]
    return [
        column for column in columns
        if column.holds == "text" or not any(column.distinct == other.distinct for other in names)
    ]  # fmt: skip


def table_roles(table: Table, kind: str | None, choices: Choices) -> TableRoles:
    """Return what is predicted from what.

    Args:
        table: of numbers and categories.
        kind: that the user says, None for what fits the target.
        choices: options name columns.

    Raises:
        DataError: nothing says which column is the target, or nothing is left to predict it from.
    """
    target, because = _target_of(table, choices)
    _require_one_unit(target)
    others = [column for column in table.columns if column is not target]
    group, time = _group_of(table, others, choices), _time_of(table, others, choices)
    left: dict[str, str] = {}
    numeric, categorical = list[Column](), list[Column]()
    for column in others:
        if reason := _unusable(column, group, time):
            left[column.title] = reason
        else:
            (numeric if column.holds == "number" else categorical).append(column)
    if not numeric and not categorical:
        raise DataError(
            got=f"nothing to predict {target.title} from: {', '.join(f'{name} ({why})' for name, why in left.items())}",
            do="bring a table with columns of numbers or categories, or name another --target",
        )
    return TableRoles(
        kind or _kind_of(target, choices), target, numeric, categorical, left, group, time, because
    )  # fmt: skip


def _require_one_unit(target: Column) -> None:
    if len(target.units) > 1 and _are_many(target):
        raise DataError(
            got=f"{target.title} in several units: {', '.join(target.units[:6])}", expected="numbers of one unit",
            do="bring them to one unit, or each to a column of its own, and run the command again",
        )  # fmt: skip


def _target_of(table: Table, choices: Choices) -> tuple[Column, str]:
    if wanted := choices.given("target") or choices.given("label"):
        return table.column(wanted), "as said"
    ranked = sorted(
        ((_target_score(table, column), -column.place, column) for column in table.columns),
        reverse=True,
        key=lambda each: each[:2],
    )
    (best, _, first), *rest = ranked
    rivals = [column for score, _, column in rest if score > 0 and best - score < MARGIN]
    last = table.columns[-1]
    if best <= 0:  # no name says anything
        if _is_id(last) or last.holds in {"nothing", "date"} or is_text(last):
            rivals, first = table.columns[:2], last
        else:
            first, rivals = last, _class_first(table, last)
    readings = [Reading(column.title, f"{column.title} is predicted") for column in [first, *rivals]]
    chosen = choices.choose("target", "Which column is to be predicted?", readings, sure=not rivals)
    why = "its name says so" if best > 0 and chosen == first.title else "the last column"
    return table.column(chosen if table.header else chosen.removeprefix("column ")), why


def _class_first(table: Table, last: Column) -> list[Column]:
    """Return the first column where it rather looks like the target than the last one: names of classes."""
    first = table.columns[0]
    names = first.holds == "text" and _may_be_classes(first)
    return [first] if names and last.holds == "number" and not _may_be_classes(last) else []


def _target_score(table: Table, column: Column) -> int:
    """Return how much the name and the place of a column speak for the target; 0 where the name says nothing."""
    words = words_of(column.name)
    if column.holds in {"nothing", "date"} or column.distinct < 2 or _is_id(column):
        return 0
    if "".join(words) in TARGETS:
        return 12
    known = TARGET_WORDS & set(words)
    score = 6 if set(words[-1:]) & known else 3 if known or set(words) & PERHAPS_TARGETS else 0
    if not score:
        return 0
    place = len(table.columns) - 1 - column.place
    return score + (2 if place == 0 else 1 if place == 1 or column.place == 0 else 0)


def _kind_of(target: Column, choices: Choices) -> str:
    """Return whether a number or a class is predicted.

    Raises:
        DataError: the target may be either.
    """
    number, classes = "regression", "tabular_classification"
    if target.holds != "number" or target.distinct == 2:
        return classes
    if not target.whole or target.distinct > FEW_WHOLE_NUMBERS:
        return number
    values = target.numbers()
    numbered = values == [values[0] + step for step in range(len(values))] and values[0] in {0, 1}
    words = set(words_of(target.name))
    if numbered and (values[0] == 0 or words & (TARGETS | CLASS_WORDS)):
        return classes
    shown = f"{values[0]:g} to {values[-1]:g}"
    readings = [
        Reading(number, f"{target.title} as a number, {shown}"),
        Reading(classes, f"{target.title} as {len(values)} classes"),
    ]
    return choices.choose("kind", f"What is {target.title}, {shown}?", readings, sure=False)


def _is_id(column: Column) -> bool:
    named = bool(ID_NAME.search("_".join(words_of(column.name))))
    return column.counts_up() or (named and column.distinct > 0.5 * column.filled)


def _unusable(column: Column, group: Column | None, time: Column | None) -> str:
    """Say why nothing can be learnt from a column; nothing where something can."""
    numbers = sum(rows for value, rows in column.counts.items() if is_number(value, "dressed"))
    reasons = {
        "says what belongs together": column is group,
        "says when": column is time,
        "no text and no number in it": column.holds == "nothing",
        "all equal": column.distinct < 2,
        "an id": _is_id(column),
        "dates, which no kind reads": column.holds == "date",
        f"numbers in several units: {', '.join(column.units[:4])}": len(column.units) > 1 and _are_many(column),
        f"numbers beside texts such as {_no_number(column)!r}": 2 * numbers > column.filled and _are_many(column),
        f"{column.distinct:,} different texts": _are_many(column),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _are_many(column: Column) -> bool:
    """Whether a column of texts has too many different ones to be categories."""
    return column.holds == "text" and column.distinct > min(MAX_CATEGORIES, max(20, column.filled // 2))


def _no_number(column: Column) -> str:
    return next((value for value in column.counts if not is_number(value, "dressed")), "")


def _group_of(table: Table, others: list[Column], choices: Choices) -> Column | None:
    """Return the column whose equal values have to stay in one split: who or what the rows are of."""
    wanted = choices.given("group")
    if wanted:
        return None if wanted == NONE else table.column(wanted)
    for column in others:
        words = words_of(column.name)
        names = bool(set(words[:1]) & GROUPS) and (
            len(words) == 1 or words[1:] in (["id"], ["no"], ["name"], ["number"])
        )
        if names and 10 <= column.distinct <= 0.5 * column.filled:
            return column
    return None


def _time_of(table: Table, others: list[Column], choices: Choices) -> Column | None:
    """Return the column that says when, by which the rows are split: a model is asked about days that come."""
    wanted = choices.given("time")
    if wanted:
        return None if wanted == NONE else table.column(wanted)
    named = (column for column in others if "".join(words_of(column.name)) in TIMES)
    return next((column for column in named if column.holds == "date" and column.distinct >= 10), None)
