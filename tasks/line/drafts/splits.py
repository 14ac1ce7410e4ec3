"""How the rows of a draft are divided: as their files say, by a column, or by chance."""

from collections.abc import Collection

from tasks.core.params import Settings
from tasks.data.inspection.column_profile import Column
from tasks.line.drafts.draft import Key

FEW_ROWS, FEW_TEST_ROWS = 2_000, 50
MANY_ROWS = 200_000


def split_of_rows(
    rows: int, given: Collection[str], what: str, group: Column | None = None, time: Column | None = None
) -> tuple[Key, str]:
    """Return the setting `split`, and a sentence that says it.

    Args:
        rows: how many there are.
        given: splits that folders or files are named by.
        what: to call them: `pictures` or `rows`.
        group: column whose equal values have to stay together; it has the role `group`.
        time: column by which the last rows are the test rows; it has the role `time`.
    """
    fractions = _fractions(rows)
    if "test" in given or "validation" in given:
        split: Settings = {part: "given" if part in given else fraction for part, fraction in fractions.items()}
        return Key("split", split, "`given`: as the folders say"), f"the split is given: {', '.join(sorted(given))}"
    fractions = _fractions(rows)
    shown = f"{fractions['test']:.0%} of the {what} measure, {fractions['validation']:.0%} choose the weights"
    if (few := round(fractions["test"] * rows)) < FEW_TEST_ROWS:
        shown += f" (with {few} test rows no figure is sure)"
    column, key = (time, "time") if time else (group, "group")
    if column is None:
        return Key("split", fractions, "fractions of each class, or of all rows"), f"{shown}, by chance"
    how = f"the last by {column.title}" if time else f"rows of one {column.title} stay together"
    return Key("split", {**fractions, key: key}, how), f"{shown}; {how}"


def _fractions(rows: int) -> dict[str, float]:
    if rows < FEW_ROWS:
        return {"validation": 0.15, "test": 0.25}
    return {"validation": 0.1, "test": 0.2} if rows < MANY_ROWS else {"validation": 0.05, "test": 0.1}
