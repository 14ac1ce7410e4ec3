"""The columns of ratings in a table: user, item, rating, time."""

from collections.abc import Mapping

from tasks.core.errors import DataError
from tasks.data.inspection.column_profile import Column
from tasks.data.inspection.names import COUNTS, ITEMS, RATINGS, TIMES, USERS
from tasks.data.inspection.tables import Table
from tasks.line.drafts.choices import NONE, Choices, Reading
from tasks.line.drafts.roles import NamedRoles, named


def rating_roles(table: Table, choices: Choices, *, asked: bool) -> NamedRoles | None:
    """Return who rated what, how high and when; None where the columns do not say that.

    Args:
        table: the ratings.
        choices: options name columns.
        asked: whether the user says that these are ratings: then they stand in the usual order where none is named.
    """
    found = {
        role: _option_or(table, choices, role, named(table.columns, names))
        for role, names in (("user", USERS), ("item", ITEMS), ("rating", RATINGS), ("time", TIMES))
    }
    if found["user"] and found["item"] and not found["rating"]:
        found["rating"] = _counts_of(table, found, choices, asked)
    if any(found[role] is None for role in ("user", "item", "rating")):
        columns = _rated_in_order(table, asked)
        if columns is None:
            return None
        found = dict(zip(("user", "item", "rating", "time"), [*columns, None], strict=False))
    known = {role: column for role, column in found.items() if column is not None}
    if not asked and max(known["user"].distinct, known["item"].distinct) >= known["user"].filled:
        return None
    left = [column.title for column in table.columns if column not in known.values()]
    return NamedRoles(known, left, "who rated what" + (" when" if "time" in known else ""))


def _counts_of(table: Table, found: Mapping[str, Column | None], choices: Choices, asked: bool) -> Column | None:
    """Return the column that says how often a user took an item, where nothing says how much they liked it.

    Raises:
        DataError: nothing says either, or the counts may as well be what is predicted, and nobody says which.
    """
    used = {id(column) for column in found.values()}
    others = [column for column in table.columns if id(column) not in used]
    counts = named((column for column in others if column.holds == "number"), COUNTS)
    if counts is None and not others:
        raise DataError(
            got=f"who took what ({', '.join(column.title for column in table.columns)}) without a column of ratings",
            expected="how high each item was rated, or how often it was taken",
            do="name that column: --rating NAME; where there is none, count how often each user took each item",
        )
    if counts is None or asked or len(others) > 1:
        return counts if asked else None
    readings = [
        Reading("recommendation", f"{counts.title} says how much a user likes an item, and items are recommended"),
        Reading("regression", f"{counts.title} is predicted"),
    ]
    chosen = choices.choose("kind", f"What is {counts.title}?", readings, sure=False)
    return counts if chosen == "recommendation" else None


def _option_or(table: Table, choices: Choices, option: str, default: Column | None) -> Column | None:
    wanted = choices.given(option)
    if wanted is None:
        return default
    return None if wanted == NONE else table.column(wanted)


def _rated_in_order(table: Table, asked: bool) -> list[Column] | None:
    """Return user, item, rating, and time if it is there, by the form of the columns: the ratings are few numbers."""
    first = table.columns[:4]
    if table.header and not asked:
        return None
    if len(first) < 3 or first[2].holds != "number" or first[2].distinct > 20:
        return None
    has_time = len(first) == 4 and first[3].holds == "number" and min(first[3].numbers(), default=0) > 1e8
    if not asked and not has_time:
        return None
    return first if has_time else first[:3]
