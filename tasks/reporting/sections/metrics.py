"""Metrics of every recipe: its size, what compression costs in each metric."""

from tasks.reporting import words
from tasks.reporting.charts import recipes as charts_of_recipes
from tasks.reporting.findings import Findings
from tasks.reporting.results import header, measured_on, result_rows
from tasks.reporting.sections import blocks
from tasks.reporting.sections.blocks import Block, Cell, Fold, Paragraph, Section, charts, fold, note, ranged, table
from tasks.reporting.words import FLOAT32

MAX_ROWS = 200  # of a table: metrics.json has them all


def size(found: Findings) -> Section:
    """Draw size against the primary metric."""
    return blocks.section("size", "What each byte buys", "Size", charts(charts_of_recipes.size_against_accuracy(found)))


def recipes(found: Findings) -> Section:
    """Return the result table."""
    rows = [(Cell(row[0], is_marked=row[0] == found.recipe), *map(ranged, row[1:])) for row in result_rows(found)]
    return blocks.section(
        "recipes", "Every recipe beside float32", "Recipes",
        table("Every recipe", header(found.metrics), rows), note(measured_on(found.float32)),
    )  # fmt: skip


def section(found: Findings) -> Section:
    """Return every metric of the described file and of float32, with the paired drop."""
    reasons, reference = found.measured["undefined"], found.float32["scores"]
    rows = [
        (
            Cell(words.metric(name).title, words.metric(name).meaning),
            or_reason(words.measured(name, score), reasons.get(name)),
            ranged(words.measured(name, reference[name])),
            ranged(words.lost(name, score)),
        )
        for name, score in found.measured["scores"].items()
    ]
    shares = charts_of_recipes.shares(found)
    return blocks.section(
        "metrics", "Every metric, and what compression costs in it", "Metrics",
        table("Every metric, with its interval", ("metric", found.recipe, FLOAT32, "lost"), rows),
        note(
            "Lost: in points, or in the metric's own unit; a minus means a gain. The interval is paired: both files "
            f"answered the same {found.measured['rows']:,} rows. {found.subject.capitalize()} gives the same answer "
            f"as {FLOAT32} on {words.percent(found.measured['agreement_with_float32'])} of them."
        ),
        _undefined(reasons),
        charts(charts_of_recipes.lost_in_each_metric(found)) if shares else None,
    )  # fmt: skip


def or_reason(written: str, reason: str | None) -> Cell:
    """Return a value as a cell; where it is undefined, with the reason below."""
    return Cell(written, reason) if reason and words.UNDEFINED in written else ranged(written)


def rest(rows: int) -> Paragraph | None:
    """Say how many rows a table leaves out, and where they are."""
    more = rows - MAX_ROWS
    return note(f"And {more:,} more, in metrics.json of this recipe.") if more > 0 else None


def _undefined(reasons: dict[str, str]) -> Fold | None:
    """Say which figures are undefined, and why: a class without one is left out of the mean."""
    if not reasons:
        return None
    shown: Block = table(
        "Undefined on these rows, and left out of every mean", ("figure", "reason"),
        list(reasons.items())[:MAX_ROWS], look="words",
    )  # fmt: skip
    return fold(f"{words.counted(len(reasons), 'figure is', 'figures are')} undefined", shown, rest(len(reasons)))
