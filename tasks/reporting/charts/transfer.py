"""The chart of transfer learning: a pretrained start against training from scratch, by the number of rows."""

from statistics import fmean
from typing import Any

import plotly.graph_objects as go

from tasks.reporting import words
from tasks.reporting.charts.drawing import REFERENCE, RELEASED, Chart, chart, rounded

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
