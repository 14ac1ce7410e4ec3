"""What transfer learning gained: a pretrained start against training from scratch, by the number of rows."""

from statistics import fmean
from typing import Any

import plotly.graph_objects as go

from tasks.reporting import html, words
from tasks.reporting.drawing import REFERENCE, RELEASED, Chart, chart, rounded
from tasks.reporting.findings import Findings
from tasks.reporting.html import Block, Cell, Paragraph, Section, Table, charts, ranged, table
from tasks.reporting.results import gain

STARTS = {"pretrained": "pretrained", "from_scratch": "from scratch"}
LINES: dict[str, dict[str, Any]] = {
    "pretrained": {"color": RELEASED, "width": 2.5},
    "from_scratch": {"color": REFERENCE, "width": 1.5, "dash": "dash"},
}


def data_efficiency(points: list[dict[str, float]], primary: str) -> Chart:
    """Draw both starts over the rows that they were trained on: the mean of the seeds as a line, each seed as a dot.

    Args:
        points: of `comparison.json`, one for each fraction and seed.
        primary: the metric that they are measured with.
    """
    share = words.metric(primary).is_share
    factor, unit = (100, ", %") if share else (1, "")
    figure = go.Figure()
    for start, caption in STARTS.items():
        rows = sorted({point["rows"] for point in points})
        means = [factor * fmean(point[start] for point in points if point["rows"] == count) for count in rows]
        figure.add_scatter(
            x=rows, y=rounded(means), mode="lines", name=caption, line=LINES[start],
            hovertemplate=f"{caption}, mean<br>%{{x:,}} rows: %{{y:.4g}}<extra></extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=[point["rows"] for point in points], y=rounded(factor * point[start] for point in points),
            mode="markers", showlegend=False, marker={"color": LINES[start]["color"], "size": 7},
            customdata=[point["seed"] for point in points], cliponaxis=False,
            hovertemplate=f"{caption}, seed %{{customdata}}<br>%{{x:,}} rows: %{{y:.4g}}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="rows trained on", rangemode="tozero")
    figure.update_yaxes(title=f"{words.metric(primary).title}{unit}")
    caption = "Dots: one training each; lines: their mean. Both starts use the same rows and the same number of steps."
    return chart("data-efficiency", "How many rows a pretrained start saves", caption, figure, 360)


RUNS = {
    "fine_tuned": "fine-tuned, all layers",
    "head_only": "head alone, on the frozen base model",
    "from_scratch": "from scratch, as many epochs as fine-tuned",
}


def section(found: Findings) -> Section:
    """Say what fine-tuning gained, and draw how that depends on the number of rows, where it was measured."""
    compared = found.transfer
    parts: list[Block] = [Paragraph(gain(compared))]
    if "fine_tuned" in compared:
        primary = compared["primary"]
        rows = [(text, words.score(primary, compared[run][primary])) for run, text in RUNS.items() if run in compared]
        caption = f"On the {compared['fine_tuned']['rows']:,} test rows, as float models"
        parts.append(table(caption, ("training", words.metric(primary).title), rows))
    if points := compared.get("data_efficiency"):
        parts += [charts(data_efficiency(points, compared["primary"])), _by_rows(points, compared["primary"])]
    return html.section("transfer", "What the base model was worth", "Transfer", *parts)


def _by_rows(points: list[dict[str, Any]], primary: str) -> Table:
    fractions = sorted({point["fraction"] for point in points})
    rows = [_row([point for point in points if point["fraction"] == fraction], primary) for fraction in fractions]
    seeds = words.counted(len({point["seed"] for point in points}), "seed")
    header = ("training rows", "pretrained [lowest, highest]", "from scratch [lowest, highest]", "difference")
    return table(f"{words.metric(primary).title} by training rows, mean of {seeds}", header, rows)


def _row(points: list[dict[str, Any]], primary: str) -> tuple[Cell | str, ...]:
    means = {start: fmean(point[start] for point in points) for start in STARTS}
    cells = [
        words.with_interval(
            words.score(primary, means[start]),
            words.interval(primary, [pick(point[start] for point in points) for pick in (min, max)]),
        )
        for start in STARTS
    ]
    difference = words.difference(primary, means["pretrained"] - means["from_scratch"])
    count = f"{points[0]['rows']:,} ({words.percent(points[0]['fraction'], 0)})"
    return count, *map(ranged, cells), difference
