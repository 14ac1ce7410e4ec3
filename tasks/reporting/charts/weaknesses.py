"""Charts of the weaknesses: confusion matrices, worst slices."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from tasks.data.records import Array
from tasks.reporting import words
from tasks.reporting.charts.drawing import (
    CLEAR,
    LINE,
    QUIET,
    REFERENCE,
    RELEASED,
    WRONG,
    Chart,
    chart,
    errors,
    label,
    named_rows,
    rounded,
)
from tasks.reporting.findings import Findings
from tasks.reporting.words import FLOAT32

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
        error_x=errors(values, bars, RELEASED),
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
