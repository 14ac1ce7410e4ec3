"""Drawing charts: one look for all, in colours that the page fills in for light or dark."""

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from tasks.reporting.words import harmless, shortened

INK, QUIET, LINE = "var(--ink)", "var(--quiet)", "var(--line)"
RELEASED, REFERENCE, WRONG = "var(--released)", "var(--float32)", "var(--wrong)"
CLEAR = "rgba(0,0,0,0)"
NUM_SERIES = 10
DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class Chart:
    """A figure with its words.

    Attributes:
        name: of its place in the page.
        title: what is drawn.
        caption: how to read it.
        figure: as plotly's JSON.
        height: in pixels.
    """

    name: str
    title: str
    caption: str
    figure: str
    height: int


def chart(name: str, title: str, caption: str, figure: go.Figure, height: int = 360, **layout: Any) -> Chart:
    """Give a figure the look of all charts.

    It takes no drags and its legend no clicks: a finger that scrolls the page past it changes nothing. `layout` changes
    what plotly's layout has of that look.
    """
    axis = {"gridcolor": LINE, "linecolor": LINE, "zerolinecolor": LINE, "fixedrange": True, "automargin": True}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    figure.update_layout(
        template=None, height=height, autosize=True, dragmode=False, hovermode="closest",
        paper_bgcolor=CLEAR, plot_bgcolor=CLEAR, margin={"l": 8, "r": 12, "t": 12, "b": 8},
        font={"color": QUIET, "size": 12, "family": "system-ui, sans-serif"},
        hoverlabel={"bgcolor": "var(--card)", "bordercolor": LINE, "font": {"color": INK}, "align": "left"},
        legend={
            "orientation": "h", "x": 0, "y": 1, "yanchor": "bottom",
            "itemclick": False, "itemdoubleclick": False,
        },
    )  # fmt: skip
    figure.update_layout(**layout)
    return Chart(name, title, caption, _written(figure), height)


def label(name: str, length: int = 24) -> str:
    """Return a user's name as plotly shows it literally: it would take tags in it for formatting."""
    return html.escape(shortened(harmless(name), length), quote=False)


def series(index: int) -> dict[str, Any]:
    """Return the line of one of many series: colours first, then dashes."""
    return {
        "color": f"var(--series-{index % NUM_SERIES + 1})",
        "dash": DASHES[index // NUM_SERIES % len(DASHES)],
        "width": 1.5,
    }


def rounded(values: Iterable[float], digits: int = 4) -> list[float]:
    """Round what is drawn: more digits cannot be seen and cost bytes."""
    return [round(value, digits) for value in values]


def error_bars(values: Sequence[float], intervals: Sequence[Sequence[float] | None], color: str) -> dict[str, Any]:
    """Return the error bars from values to the ends of their intervals."""
    pairs = list(
        zip(values, (one or [value, value] for value, one in zip(values, intervals, strict=True)), strict=True)
    )
    return {
        "type": "data", "symmetric": False, "color": color, "thickness": 1.5, "width": 5,
        "array": rounded(bounds[1] - value for value, bounds in pairs),
        "arrayminus": rounded(value - bounds[0] for value, bounds in pairs),
    }  # fmt: skip


def named_rows(names: Sequence[str], length: int = 24) -> dict[str, Any]:
    """Return a vertical axis with names, the first on top; rows are numbers, since names may be equal when cut."""
    return {
        "tickvals": list(range(len(names))), "ticktext": [label(name, length) for name in names],
        "range": [len(names) - 0.4, -0.6], "zeroline": False, "showgrid": False,
    }  # fmt: skip


def _written(figure: go.Figure) -> str:
    """Write a figure without anything that a page would end at."""
    text = json.dumps(json.loads(figure.to_json(engine="json")), separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
