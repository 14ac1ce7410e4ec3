"""Metrics of every recipe: its size, what compression costs in each metric."""

from math import ceil, floor, log10
from typing import Any

import plotly.graph_objects as go

from tasks.reporting import html, words
from tasks.reporting.drawing import INK, QUIET, RELEASED, Chart, chart, error_bars, label, named_rows, rounded
from tasks.reporting.findings import Findings
from tasks.reporting.html import Block, Cell, Fold, Paragraph, Section, charts, fold, note, ranged, table
from tasks.reporting.results import columns_explained, header, measured_on, result_rows
from tasks.reporting.words import FLOAT32

MARGIN = 0.12  # of the range of the sizes' logarithms, round the outermost points
STEPS = (1, 2, 5)  # of the axis, times powers of ten
SYMBOLS = ("circle", "square", "triangle-up", "pentagon", "star", "hexagon", "triangle-down", "cross", "x")


def size_against_accuracy(found: Findings) -> Chart:
    """Draw every recipe, coloured by its latency, and the front of those that no other beats in both."""
    names = sorted(found.metrics, key=lambda name: (found.metrics[name]["zip_bytes"], name))
    sizes = [found.metrics[name]["zip_bytes"] for name in names]
    primary = found.primary
    values = [words.scaled(primary, found.metrics[name]["scores"][primary]["value"]) for name in names]
    low, high = log10(sizes[0]), log10(sizes[-1])
    room = max(MARGIN, (high - low) * MARGIN)
    figure = go.Figure()
    _draw_front(figure, sizes, values, 10 ** (high + room), lower_is_better=_lower(found))
    for index, name in enumerate(names):
        _draw_recipe(figure, found, name, index)
    figure.update_layout(coloraxis=_latencies(), showlegend=False)
    figure.update_xaxes(type="log", title="bytes of the zip", range=[low - room, high + room], **_ticks(low, high))
    figure.update_yaxes(title=words.axis(primary))
    return chart(
        "size-against-accuracy", f"Smaller to the left, better to the {'bottom' if _lower(found) else 'top'}",
        f"Bars are confidence intervals, the colour is latency, the diamond is {found.subject}. Recipes on the dotted "
        "line are beaten by no other in both size and metric.",
        figure, 480,
    )  # fmt: skip


def lost_in_each_metric(found: Findings) -> Chart:
    """Draw the paired drop of each metric that is a share, in points."""
    lost = share_charts(found)
    drops = [100 * score["drop"] for score in lost.values()]
    bars = [[100 * bound for bound in score["drop_interval"] or ()] or None for score in lost.values()]
    figure = go.Figure()
    figure.add_scatter(
        x=rounded(drops), y=list(range(len(drops))), mode="markers", showlegend=False,
        error_x=error_bars(drops, bars, RELEASED), marker={"color": RELEASED, "size": 9},
        customdata=[f"<b>{words.metric(name).title}</b><br>{words.lost(name, score)} points"
                    for name, score in lost.items()],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(**named_rows([words.metric(name).title for name in lost]))
    figure.update_xaxes(title="points lost against float32", zeroline=False)
    figure.add_vline(x=0, line={"color": QUIET, "width": 1})
    return chart(
        "lost-in-each-metric", "Gained to the left of the line, lost to the right",
        f"{found.subject.capitalize()} against float32 on the same rows. "
        "An interval that spans the line proves neither.",
        figure, 90 + 26 * len(drops),
    )  # fmt: skip


def share_charts(found: Findings) -> dict[str, Any]:
    """Return the metrics of the described file that are shares, and are defined."""
    scores: dict[str, Any] = found.measured["scores"]
    return {name: one for name, one in scores.items() if one["drop"] is not None and words.metric(name).is_share}


def _lower(found: Findings) -> bool:
    return "lower is better" in words.metric(found.primary).meaning


def _draw_front(figure: go.Figure, sizes: list[int], values: list[float], end: float, *, lower_is_better: bool) -> None:
    """Draw the step line of what is best up to each size; sizes are sorted."""
    front: list[tuple[float, float]] = []
    for size, value in zip(sizes, values, strict=True):
        if not front or (value < front[-1][1] if lower_is_better else value > front[-1][1]):
            front.append((size, round(value, 4)))
    figure.add_scatter(
        x=[*(size for size, _ in front), round(end)], y=[*(value for _, value in front), front[-1][1]], mode="lines",
        line={"shape": "hv", "dash": "dot", "color": QUIET, "width": 1}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def _draw_recipe(figure: go.Figure, found: Findings, name: str, index: int) -> None:
    """Draw a recipe with its name beside it; on a phone the page shows a legend instead."""
    measured, last, is_described = found.metrics[name], len(found.metrics) - 1, name == found.recipe
    score, gap = measured["scores"][found.primary], "\u00a0\u00a0"
    side = "left" if index % 2 or index == last > 0 else "right"  # neighbours may be close; the last has no room
    symbol = "diamond" if is_described else SYMBOLS[index % len(SYMBOLS)]
    figure.add_scatter(  # of the legend: a colour that stands for a number has no place there
        x=[None],
        y=[None],
        name=label(name),
        mode="markers",
        marker={"color": RELEASED if is_described else QUIET, "symbol": symbol, "size": 11},
    )
    figure.add_scatter(
        x=[measured["zip_bytes"]], y=rounded([words.scaled(found.primary, score["value"])]), cliponaxis=False,
        error_y=error_bars([words.scaled(found.primary, score["value"])],
                       [[words.scaled(found.primary, bound) for bound in score["interval"]]], QUIET),
        mode="markers+text", showlegend=False, text=[f"{gap}{label(name)}{gap}"],
        textposition=f"middle {side}", textfont={"color": INK, "shadow": "auto"},
        marker={
            "color": rounded([found.profiles[name]["latency_us"]["median"]], 2), "coloraxis": "coloraxis",
            "size": 18 if is_described else 13, "symbol": symbol,
            "line": {"color": RELEASED if is_described else QUIET, "width": 2},
        },
        customdata=[_hover(name, found)], hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _latencies() -> dict[str, Any]:
    return {
        "colorscale": [[0, "var(--low)"], [1, "var(--high)"]],
        "colorbar": {
            "title": {"text": "median latency, µs", "side": "top"}, "orientation": "h", "thickness": 10,
            "y": -0.3, "yanchor": "top", "len": 0.9, "outlinewidth": 0,
        },
    }  # fmt: skip


def _ticks(low: float, high: float) -> dict[str, Any]:
    """Return round values about a range of logarithms, written out."""
    values = [step * 10**power for power in range(floor(low) - 1, ceil(high) + 1) for step in STEPS]
    shown = [value for value in values if low - 2 * MARGIN <= log10(value) <= high + 2 * MARGIN]
    return {"tickvals": shown, "ticktext": [f"{value:,.0f}" for value in shown]}


def _hover(name: str, found: Findings) -> str:
    measured, latency = found.metrics[name], found.profiles[name]["latency_us"]
    return (
        f"<b>{label(name, 60)}</b><br>{measured['zip_bytes']:,} bytes of zip, {measured['size_bytes']:,} on the device"
        f"<br>{words.measured(found.primary, measured['scores'][found.primary])}"
        f"<br>{words.number(latency['median'], 1)} µs, 95% under {words.number(latency['p95'], 1)} µs"
    )


MAX_ROWS = 200  # of a table: metrics.json has them all


def size(found: Findings) -> Section:
    """Draw size against the primary metric."""
    return html.section("size", "What each byte buys", "Size", charts(size_against_accuracy(found)))


def recipes(found: Findings) -> Section:
    """Return the result table."""
    rows = [(Cell(row[0], is_marked=row[0] == found.recipe), *map(ranged, row[1:])) for row in result_rows(found)]
    return html.section(
        "recipes", "Every recipe beside float32", "Recipes",
        table("Every recipe", header(found.metrics), rows), note(f"{measured_on(found.float32)} {columns_explained()}"),
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
    shares = share_charts(found)
    return html.section(
        "metrics", "Every metric, and what compression costs in it", "Metrics",
        table("Every metric, with its interval", ("metric", found.recipe, FLOAT32, "lost"), rows),
        note(
            "Lost: in points, or in the metric's own unit; a minus means a gain. The interval is paired: both files "
            f"answered the same {found.measured['rows']:,} rows. {found.subject.capitalize()} gives the same answer "
            f"as {FLOAT32} on {words.percent(found.measured['agreement_with_float32'])} of them."
        ),
        _undefined(reasons),
        charts(lost_in_each_metric(found)) if shares else None,
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
