"""Where the model is weak: confused classes, large errors, bad slices."""

from tasks.reporting import words
from tasks.reporting.charts import regression
from tasks.reporting.charts import weaknesses as drawings
from tasks.reporting.findings import Findings
from tasks.reporting.sections import blocks
from tasks.reporting.sections.blocks import Section, Table, charts, fold, note, ranged, table
from tasks.reporting.sections.metrics import MAX_ROWS, or_reason, rest
from tasks.reporting.words import FLOAT32

PER_CLASS = ("precision", "recall", "f1", "roc_auc", "average_precision")
UNFOLDED = 20  # rows of the table of slices


def confusion(found: Findings) -> Section:
    """Draw the confusion matrices, and list every pair of confused classes."""
    classes, counts = list(found.measured["per_class"]), found.measured["confusion"]
    wrong = [
        (counts[row][column], classes[row], classes[column])
        for row in range(len(classes))
        for column in range(len(classes))
        if row != column and counts[row][column]
    ]
    total = sum(map(sum, counts))
    rows = [
        (name, other, f"{count:,}", words.percent(count / total))
        for count, name, other in sorted(wrong, key=lambda pair: -pair[0])[:MAX_ROWS]
    ]
    listed = table(f"Wrong answers of {found.recipe}", ("class", "predicted as", "rows", "of all rows"), rows)
    few = f"The {drawings.MAX_CLASSES} classes with the most wrong answers, of {len(classes)}."
    return blocks.section(
        "confusion", "Which classes are confused with one another", "Confusion",
        note(few) if len(classes) > drawings.MAX_CLASSES else None,
        charts(*drawings.confusions(found)),
        fold(f"As a table: {words.counted(len(wrong), 'pair')}", listed, rest(len(wrong))),
    )  # fmt: skip


def errors(found: Findings) -> Section:
    """Draw predicted against actual numbers, and the distribution of the errors."""
    return blocks.section("predicted", "How large the errors are", "Errors", charts(*regression.predictions(found)))


def examples(found: Findings) -> Section:
    """Show some translations beside their references."""
    return blocks.section(
        "examples", "Examples of translations", "Examples",
        note("Taken evenly from all test rows: neither the best nor the worst."),
        table(f"Translations of {found.recipe}", ("reference", "translation"), found.examples, look="words"),
    )  # fmt: skip


def slices(found: Findings) -> Section:
    """Return the slices, worst first, with what compression costs in each, and the figures of each class."""
    found_slices, primary = found.measured["slices"], found.primary
    unit = "points lost" if words.metric(primary).is_share else "% lost"
    rows = [
        (
            one["slice"], f"{one['rows']:,}",
            ranged(words.of_part(primary, one)),
            words.reference_of_part(primary, one), ranged(words.lost_in_part(primary, one)),
        )
        for one in found_slices[:MAX_ROWS]
    ]  # fmt: skip
    names = ("slice", "rows", f"{words.metric(primary).title} of {found.recipe}", f"of {FLOAT32}", unit)
    better = table("Slices, better ones", names, rows[UNFOLDED:])
    return blocks.section(
        "slices", "The weakest slices, and what compression costs there", "Slices",
        charts(drawings.worst_slices(found)),
        table("Slices of the test rows, worst first", names, rows[:UNFOLDED]),
        fold("More slices", better, rest(len(found_slices))) if better.rows else None,
        fold("Each class: precision, recall and more", _per_class(found), rest(len(found.measured["per_class"])))
        if "per_class" in found.measured else None,
    )  # fmt: skip


def _per_class(found: Findings) -> Table:
    reasons = found.measured["undefined"]
    rows = [
        (
            name,
            *(or_reason(words.score(key, one[key]), reasons.get(f"{key} of {name}")) for key in PER_CLASS),
            f"{one['rows']:,}",
        )
        for name, one in list(found.measured["per_class"].items())[:MAX_ROWS]
    ]
    header = ("class", *(words.metric(key).title for key in PER_CLASS), "rows")
    return table(f"Each class, as {found.recipe} answers", header, rows)
