"""Charts of a regression: predicted against actual, errors."""

import numpy as np
import plotly.graph_objects as go

from tasks.reporting.charts.drawing import QUIET, RELEASED, Chart, chart, rounded
from tasks.reporting.findings import Findings

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
