"""Weaknesses of the model: confused classes, large errors, bad slices."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from tasks.data.records import Array
from tasks.reporting import html, words
from tasks.reporting.drawing import (
    CLEAR,
    LINE,
    QUIET,
    REFERENCE,
    RELEASED,
    WRONG,
    Chart,
    chart,
    error_bars,
    label,
    named_rows,
    rounded,
)
from tasks.reporting.findings import Findings
from tasks.reporting.html import Section, Table, charts, fold, note, ranged, table
from tasks.reporting.sections.metrics import MAX_ROWS, or_reason, rest
from tasks.reporting.words import FLOAT32

BINS = 40


def predictions(found: Findings) -> list[Chart]:
    """Draw predicted against actual numbers, and the distribution of the errors."""
    actual, predicted = (np.array(values) for values in zip(*found.predicted, strict=True))
    ends = [float(min(actual.min(), predicted.min())), float(max(actual.max(), predicted.max()))]
    points = go.Figure()
    points.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": QUIET, "width": 1, "dash": "dot"}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
    points.add_scatter(
        x=rounded(actual, 4), y=rounded(predicted, 4), mode="markers", showlegend=False,
        marker={"color": RELEASED, "size": 5, "opacity": 0.5},
        hovertemplate="is %{x:,.4g}<br>predicted %{y:,.4g}<extra></extra>",
    )  # fmt: skip
    points.update_xaxes(title="actual", zeroline=False)
    points.update_yaxes(title="predicted", zeroline=False)
    counts, edges = np.histogram(predicted - actual, bins=BINS)
    errors = go.Figure()
    errors.add_bar(
        x=rounded((edges[:-1] + edges[1:]) / 2, 4), y=counts.tolist(), marker={"color": RELEASED}, showlegend=False,
        hovertemplate="off by %{x:,.4g}<br>%{y:,} rows<extra></extra>",
    )  # fmt: skip
    errors.update_xaxes(title="predicted minus actual", zeroline=False)
    errors.update_yaxes(title="rows")
    return [
        chart("predicted", "Predicted against actual", "On the dotted line a prediction is exact.", points),
        chart("errors", "Errors", "Left of zero the prediction is too low, right of zero too high.", errors),
    ]


MAX_CLASSES = 25
MAX_NUMBERED = 15  # classes whose cells have room for a number
MAX_SLICES = 15


def confusions(found: Findings) -> list[Chart]:
    """Draw the confusion matrices of float32 and of the described file."""
    classes = list(found.measured["per_class"])
    order = _most_confused(np.asarray(found.measured["confusion"]))
    return [
        _confusion(name, [classes[index] for index in order], np.asarray(found.metrics[name]["confusion"]), order)
        for name in dict.fromkeys((FLOAT32, found.recipe))
    ]


def worst_slices(found: Findings) -> Chart:
    """Draw the primary metric of the worst slices, and float32's."""
    slices = found.measured["slices"][:MAX_SLICES]
    primary = found.primary
    values = [words.scaled(primary, one[primary]) for one in slices]
    bars = [[words.scaled(primary, bound) for bound in one["interval"]] for one in slices]
    rows = list(range(len(slices)))
    known = [words.before_in_part(primary, one) for one in slices]
    before = [words.scaled(primary, one) for one in known if one is not None]
    figure = go.Figure()
    figure.add_scatter(
        x=rounded(values), y=rows, mode="markers", name=label(found.recipe), marker={"color": RELEASED, "size": 10},
        error_x=error_bars(values, bars, RELEASED),
        customdata=[_hover(primary, one) for one in slices], hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=rounded(before), y=[row for row, one in zip(rows, known, strict=True) if one is not None], mode="markers",
        name=FLOAT32,
        marker={"color": REFERENCE, "size": 12, "symbol": "line-ns-open", "line": {"width": 3, "color": REFERENCE}},
        hovertemplate=f"{FLOAT32}: %{{x:,.2f}}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(**named_rows([one["slice"] for one in slices]))
    figure.update_xaxes(title=words.axis(primary))
    caption = "Bars are intervals of the slice's own rows: few rows, wide bars. The vertical stroke is float32."
    return chart("worst-slices", "The worst on top", caption, figure, 110 + 28 * len(slices))


def _most_confused(counts: Array) -> list[int]:
    """Return the classes to be drawn, in their order: all, or those with most wrong answers by or for them."""
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    return sorted(int(index) for index in np.argsort(-wrong, kind="stable")[:MAX_CLASSES])


def _confusion(name: str, classes: list[str], counts: Array, order: list[int]) -> Chart:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = go.Figure()
    for right, color in ((True, RELEASED), (False, WRONG)):
        cells = [[_cell(counts, shares, row, column, right) for column in order] for row in order]
        figure.add_heatmap(
            z=[[cell["z"] for cell in row] for row in cells], text=[[cell["text"] for cell in row] for row in cells],
            customdata=[[cell["hover"] for cell in row] for row in cells], hoverongaps=False, showscale=False,
            colorscale=[[0, "var(--card)"], [1, color]], zmin=-0.15, zmax=1 if right else _worst(shares),
            texttemplate="%{text}" if len(order) <= MAX_NUMBERED else None, xgap=1, ygap=1,
            hovertemplate="%{y} predicted as %{x}<br>%{customdata}<extra></extra>",
        )  # fmt: skip
    axis: dict[str, Any] = {
        "tickvals": list(range(len(order))), "ticktext": [label(name, 14) for name in classes], "showgrid": False,
        "zeroline": False, "linecolor": LINE, "ticks": "",
    }  # fmt: skip
    figure.update_xaxes(title="predicted as", tickangle=0 if max(map(len, classes)) < 4 else -45, **axis)
    figure.update_yaxes(title="true class", range=[len(order) - 0.5, -0.5], **axis)
    figure.update_layout(plot_bgcolor=CLEAR, font={"color": QUIET})
    caption = "Rows by true and predicted class; right answers lie on the diagonal."
    return chart(f"confusion-{name}", name, caption, figure, 400)


def _cell(counts: Array, shares: Array, row: int, column: int, right: bool) -> dict[str, Any]:
    if (row == column) is not right or not counts[row, column]:
        return {"z": None, "text": "", "hover": ""}
    caption = f"{counts[row, column]:,} rows, {words.percent(shares[row, column], 1)} of the class"
    return {"z": round(float(shares[row, column]), 4), "text": f"{counts[row, column]}", "hover": caption}


def _worst(shares: Array) -> float:
    wrong = shares.copy()
    np.fill_diagonal(wrong, 0)
    return max(float(wrong.max()), 0.01)


def _hover(primary: str, one: dict[str, Any]) -> str:
    return (
        f"<b>{label(one['slice'], 80)}</b><br>{words.of_part(primary, one)} of {one['rows']:,} rows"
        f"<br>lost {words.lost_in_part(primary, one)} {'points' if words.metric(primary).is_share else '%'}"
    )


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
    few = f"The {MAX_CLASSES} classes with the most wrong answers, of {len(classes)}."
    return html.section(
        "confusion", "Which classes are confused with one another", "Confusion",
        note(few) if len(classes) > MAX_CLASSES else None,
        charts(*confusions(found)),
        fold(f"As a table: {words.counted(len(wrong), 'pair')}", listed, rest(len(wrong))),
    )  # fmt: skip


def errors_section(found: Findings) -> Section:
    """Draw predicted against actual numbers, and the distribution of the errors."""
    return html.section("predicted", "How large the errors are", "Errors", charts(*predictions(found)))


def examples(found: Findings) -> Section:
    """Show some translations beside their references."""
    return html.section(
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
    return html.section(
        "slices", "The weakest slices, and what compression costs there", "Slices",
        charts(worst_slices(found)),
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
