"""The curves of a classifier: ROC, precision over recall, reliability."""

from tasks.reporting import words
from tasks.reporting.charts import curves
from tasks.reporting.charts.drawing import series
from tasks.reporting.findings import Findings
from tasks.reporting.sections import blocks
from tasks.reporting.sections.blocks import Box, Boxes, Paragraph, Section, charts
from tasks.reporting.words import FLOAT32


def section(found: Findings) -> Section:
    """Draw ROC and precision over recall, with a box for each curve."""
    return blocks.section(
        "curves", "Finding a class against false alarms", "Curves",
        _boxes(found), charts(curves.roc(found), curves.precision_recall(found), has_boxes=True),
    )  # fmt: skip


def reliability(found: Findings) -> Section:
    """Draw the reliability of both files."""
    errors = {
        name: words.score("calibration_error", found.metrics[name]["scores"]["calibration_error"]["value"])
        for name in dict.fromkeys((FLOAT32, found.recipe))
    }
    listed = "; ".join(f"{name} {error}" for name, error in errors.items())
    return blocks.section(
        "reliability", "Is it as sure as it is right?", "Confidence",
        Paragraph(f"Calibration error: {listed}."), charts(*curves.reliability(found)),
    )  # fmt: skip


def _boxes(found: Findings) -> Boxes:
    """Return a box for each curve, checked where the curve is shown at first."""
    names = curves.chosen_classes(found)
    per_class = found.measured["per_class"]
    shown = [Box("pooled", f"{found.recipe}, all classes", "var(--released)", is_checked=True)]
    if found.recipe != FLOAT32:
        shown.append(Box(FLOAT32, f"{FLOAT32}, all classes", "var(--float32)", is_checked=True))
    for index, name in enumerate(names):
        text = f"{words.shortened(name, 60)} (F1 {words.score('f1', per_class[name]['f1'])})"
        shown.append(Box(f"class-{index}", text, series(index)["color"], is_checked=index < curves.SHOWN_AT_FIRST))
    hidden = len(per_class) - len(names)
    note = f"{hidden:,} more classes are not drawn: they have a better F1, or no rows to draw." if hidden else ""
    return Boxes(tuple(shown), note)
