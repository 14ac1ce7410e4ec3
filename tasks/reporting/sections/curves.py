"""The curves of a classifier: ROC, precision over recall, reliability."""

from collections.abc import Iterable, Iterator
from typing import Any

import plotly.graph_objects as go

from tasks.metrics.bootstrap import wilson
from tasks.reporting import html, words
from tasks.reporting.drawing import QUIET, REFERENCE, RELEASED, Chart, chart, error_bars, label, rounded, series
from tasks.reporting.findings import Curved, Curves, Findings
from tasks.reporting.html import Box, Boxes, Paragraph, Section, charts
from tasks.reporting.words import FLOAT32

MAX_CLASSES = 30  # of a chart: more cannot be distinguished
SHOWN_AT_FIRST = 3
DIAGONAL = {"color": QUIET, "width": 1, "dash": "dot"}
# Ends of the axes that are tried, so that good curves are not drawn into a corner.
ENDS = (0.02, 0.05, 0.1, 0.2, 0.5)
PERFECT = 0.999
MARGIN = 0.03  # of an axis, round its ends


def chosen_classes(found: Findings) -> list[str]:
    """Return the classes whose curves are drawn, those found worst first, by F1."""
    per_class = found.measured["per_class"]
    defined = [name for name in list(found.curves[found.recipe].roc)[1:] if name in per_class]
    return sorted(defined, key=lambda name: (per_class[name]["f1"] or 0.0, name))[:MAX_CLASSES]


def roc(found: Findings) -> Chart:
    """Draw the ROC of the described file and of float32."""
    curves = {name: curved.roc for name, curved in found.curves.items()}
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=DIAGONAL, hoverinfo="skip")
    drawn = _draw(figure, found, curves)
    right = _end(max(min((x for x, y in one if y >= PERFECT), default=1.0) for one in drawn))
    bottom = _end(max(1 - max(y for x, y in one if x == min(x for x, _ in one)) for one in drawn))
    figure.update_xaxes(title="false positive rate", range=[-MARGIN * right, (1 + MARGIN) * right])
    figure.update_yaxes(title="true positive rate", range=[1 - (1 + MARGIN) * bottom, 1 + MARGIN * bottom])
    caption = f"True positives over false positives; the upper left corner is perfect{_corner(right, bottom)}."
    return _curved_chart("roc", "ROC", caption, figure)


def precision_recall(found: Findings) -> Chart:
    """Draw precision over recall of the described file and of float32."""
    figure = go.Figure()
    drawn = _draw(figure, found, {name: curved.precision_recall for name, curved in found.curves.items()})
    left = _end(max(1 - min((x for x, y in one if y < PERFECT), default=1.0) for one in drawn))
    bottom = _end(max(1 - max(y for x, y in one if x >= PERFECT) for one in drawn))
    figure.update_xaxes(title="recall", range=[1 - (1 + MARGIN) * left, 1 + MARGIN * left])
    figure.update_yaxes(title="precision", range=[1 - (1 + MARGIN) * bottom, 1 + MARGIN * bottom])
    caption = f"How precise the answers stay as recall grows; the upper right corner is perfect{_corner(left, bottom)}."
    return _curved_chart("precision-recall", "Precision and recall", caption, figure)


def reliability_charts(found: Findings) -> list[Chart]:
    """Draw confidence against accuracy, of float32 and of the described file."""
    confidence = found.measured["confidence"]
    return [
        _reliability(name, found.curves[name], RELEASED if name == found.recipe else REFERENCE, confidence)
        for name in dict.fromkeys((FLOAT32, found.recipe))
    ]


def _draw(figure: go.Figure, found: Findings, curves: dict[str, Curves]) -> list[list[tuple[float, float]]]:
    """Draw the curves, each under the name of the box that shows it, and return their points."""
    shown = list(_shown(found, curves))
    for points, line, name, key in shown:
        figure.add_scatter(
            **_points(points), mode="lines", line=line, name=label(name, 60), meta=key,
            hovertemplate="%{fullData.name}<br>%{x:.3f}, %{y:.3f}<extra></extra>",
        )  # fmt: skip
    return [points for points, *_ in shown]


def _shown(
    found: Findings, curves: dict[str, Curves]
) -> Iterator[tuple[list[tuple[float, float]], dict[str, Any], str, str]]:
    own, reference = curves[found.recipe], curves[FLOAT32]
    for index, name in enumerate(chosen_classes(found)):
        yield own[name], series(index), name, f"class-{index}"
    if found.recipe != FLOAT32:
        pooled = next(iter(reference))
        yield reference[pooled], {"color": REFERENCE, "width": 2, "dash": "dash"}, f"{FLOAT32}, {pooled}", FLOAT32
    pooled = next(iter(own))
    yield own[pooled], {"color": RELEASED, "width": 3}, f"{found.recipe}, {pooled}", "pooled"


def _end(needed: float) -> float:
    """Return how much of an axis shows what is needed."""
    return next((end for end in ENDS if needed <= end), 1.0)


def _corner(across: float, up: float) -> str:
    return "" if across == up == 1 else "; the axes show only that corner"


def _points(points: Iterable[tuple[float, float]]) -> dict[str, Any]:
    across, up = zip(*points, strict=True)
    return {"x": rounded(across), "y": rounded(up)}


def _curved_chart(name: str, title: str, caption: str, figure: go.Figure) -> Chart:
    figure.update_layout(showlegend=False)
    figure.update_xaxes(zeroline=False)
    figure.update_yaxes(zeroline=False)
    return chart(name, title, caption, figure)


def _reliability(name: str, curved: Curved, color: str, level: float) -> Chart:
    confidence, accuracy, rows = zip(*curved.reliability, strict=True)
    bars = [wilson(round(share * count), count, level) for share, count in zip(accuracy, rows, strict=True)]
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=DIAGONAL, hoverinfo="skip", showlegend=False)
    figure.add_scatter(
        x=rounded(confidence), y=rounded(accuracy), mode="markers", showlegend=False,
        error_y=error_bars(accuracy, bars, color) | {"thickness": 1, "width": 3},
        marker={"color": color, "opacity": 1, "size": [8 + 18 * (count / max(rows)) ** 0.5 for count in rows]},
        customdata=list(rows),
        hovertemplate="confidence %{x:.1%}<br>accuracy %{y:.1%}<br>%{customdata:,} rows<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title="confidence", range=[-0.05, 1.08], tickformat=".0%", zeroline=False)
    figure.update_yaxes(title="accuracy", range=[-0.05, 1.08], tickformat=".0%", zeroline=False)
    caption = "Below the diagonal the model is overconfident. Large dots have many rows; bars are confidence intervals."
    return chart(f"reliability-{name}", name, caption, figure)


def section(found: Findings) -> Section:
    """Draw ROC and precision over recall, with a box for each curve."""
    return html.section(
        "curves", "Finding a class against false alarms", "Curves",
        _boxes(found), charts(roc(found), precision_recall(found), has_boxes=True),
    )  # fmt: skip


def reliability(found: Findings) -> Section:
    """Draw the reliability of both files."""
    errors = {
        name: words.score("calibration_error", found.metrics[name]["scores"]["calibration_error"]["value"])
        for name in dict.fromkeys((FLOAT32, found.recipe))
    }
    listed = "; ".join(f"{name} {error}" for name, error in errors.items())
    return html.section(
        "reliability", "Is it as sure as it is right?", "Confidence",
        Paragraph(f"Calibration error: {listed}."), charts(*reliability_charts(found)),
    )  # fmt: skip


def _boxes(found: Findings) -> Boxes:
    """Return a box for each curve, checked where the curve is shown at first."""
    names = chosen_classes(found)
    per_class = found.measured["per_class"]
    shown = [Box("pooled", f"{found.recipe}, all classes", "var(--released)", is_checked=True)]
    if found.recipe != FLOAT32:
        shown.append(Box(FLOAT32, f"{FLOAT32}, all classes", "var(--float32)", is_checked=True))
    for index, name in enumerate(names):
        text = f"{words.shortened(name, 60)} (F1 {words.score('f1', per_class[name]['f1'])})"
        shown.append(Box(f"class-{index}", text, series(index)["color"], is_checked=index < SHOWN_AT_FIRST))
    hidden = len(per_class) - len(names)
    note = f"{hidden:,} more classes are not drawn: they have a better F1, or no rows to draw." if hidden else ""
    return Boxes(tuple(shown), note)
