"""Examples: the most confident errors, hard rows, a look at the data, the balance of the classes, what was left out."""

import plotly.graph_objects as go

from tasks.data.records import SPLITS
from tasks.reporting import html, words
from tasks.reporting.drawing import RELEASED, Chart, chart, named_rows
from tasks.reporting.examples import REASONS, SOURCES, Answered, Look
from tasks.reporting.findings import Findings
from tasks.reporting.html import Block, Gallery, Item, Section, charts, fold, note, table
from tasks.reporting.sections.metrics import MAX_ROWS

MAX_BARS = 40  # classes of the chart
NUMBERED = "Rows are numbered as preprocess kept them, from 0."


def errors(found: Findings) -> Section:
    """Show the wrong answers that the file is most sure of, then the rows that it is least sure of."""
    shown, measured = found.shown, found.measured
    title = "The most confident errors" if "per_class" in measured else "The largest errors"
    none = None if shown.errors else html.Paragraph(f"{found.recipe} answers every test row rightly.")
    hard = _answers("Test rows that it is least sure of, right or wrong", shown.hard, found) if shown.hard else None
    return html.section(
        "confident-errors", title, "Errors seen", none,
        _answers(f"Wrong answers of {found.recipe} on the test rows", shown.errors, found) if shown.errors else None,
        note(f"{NUMBERED} A label may be wrong, too: look at the row before blaming the model."),
        fold(f"Hard rows: {len(shown.hard)}", hard) if hard else None,
    )  # fmt: skip


def look(found: Findings) -> Section:
    """Show what the model learns from: some rows of each class, how many there are, what was left out."""
    shown = found.shown
    more = f"{shown.more_classes:,} more classes are not shown. " if shown.more_classes else ""
    return html.section(
        "look", "A look at the data", "Data seen",
        *([_rows(name, rows, shown.form) for name, rows in shown.data.items() if rows] if shown.data else []),
        note(f"Taken evenly from the training rows, as the model is fed. {more}{NUMBERED}") if shown.data else None,
        *_balance(found), *_quarantined(found),
    )  # fmt: skip


def _answers(caption: str, rows: list[Answered], found: Findings) -> Block:
    if found.shown.form == "image":
        return Gallery(caption, tuple(
            Item(one.look.picture, f"answer {one.answer}", f"is {one.truth}; {one.detail}; row {one.look.row:,}",
                 is_wrong=one.answer != one.truth)
            for one in rows
        ))  # fmt: skip
    header = ("row", "text" if found.shown.form == "text" else "values", "is", "answer", "how sure or how far off")
    cells = [(f"{one.look.row:,}", one.look.text, one.truth, one.answer, one.detail) for one in rows]
    return table(caption, header, cells, look="words")


def _rows(name: str, rows: list[Look], form: str) -> Block:
    caption = f"Class {name}" if name else "Training rows"
    if form == "image":
        return Gallery(caption, tuple(Item(one.picture, "", f"row {one.row:,}") for one in rows))
    header = ("row", "text" if form == "text" else "values")
    return table(caption, header, [(f"{one.row:,}", one.text) for one in rows], look="words")


def _balance(found: Findings) -> list[Block]:
    counts = found.shown.balance
    if not counts:
        return []
    rows = [(name, *(f"{count:,}" for count in of)) for name, of in list(counts.items())[:MAX_ROWS]]
    listed = table("Rows of each class", ("class", *SPLITS), rows)
    of_training = {name: of[0] for name, of in counts.items()}
    most, least = max(of_training, key=lambda name: of_training[name]), min(counts, key=lambda name: of_training[name])
    said = (
        f"The largest class, {most}, has {of_training[most]:,} training rows; the smallest, {least}, "
        f"{of_training[least]:,}."
    )
    untested = [name for name, of in counts.items() if not of[-1]]
    missing = f" Without a test row, so measured nowhere: {', '.join(untested[:20])}." if untested else ""
    return [
        html.Paragraph(said + missing), charts(class_balance(of_training)),
        fold(f"As a table: {words.counted(len(counts), 'class', 'classes')}", listed),
    ]  # fmt: skip


def class_balance(counts: dict[str, int]) -> Chart:
    """Draw how many training rows each class has, the largest classes first."""
    ordered = sorted(counts, key=lambda name: (-counts[name], name))[:MAX_BARS]
    figure = go.Figure()
    figure.add_bar(
        x=[counts[name] for name in ordered], y=list(range(len(ordered))), orientation="h", showlegend=False,
        marker={"color": RELEASED}, hovertemplate="%{x:,} training rows<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(**named_rows(ordered))
    figure.update_xaxes(title="training rows", rangemode="tozero")
    left_out = len(counts) - len(ordered)
    more = f" The {MAX_BARS} largest; {left_out:,} more are in the table." if left_out else ""
    return chart(
        "class-balance", "Class balance", f"Training rows of each class.{more}", figure, 90 + 24 * len(ordered)
    )


def _quarantined(found: Findings) -> list[Block]:
    reasons = found.shown.quarantined
    if not reasons:
        return [html.Paragraph("No row of the target was left out.")]
    rows = [
        (reason, f"{count:,}", ", ".join(sources) + (f" and {count - SOURCES:,} more" if count > SOURCES else ""))
        for reason, (count, sources) in list(reasons.items())[:REASONS]
    ]
    more = len(reasons) - REASONS
    return [
        table(
            "Rows of the target that were left out, with their reasons", ("reason", "rows", "sources"), rows, "words"
        ),
        note(
            (f"{more:,} more reasons, and every row, are in" if more > 0 else "Every row is in")
            + " data/ready/target/quarantine.csv."
        ),
    ]
