"""The legend of the curves: boxes that a keyboard reaches and that wrap on a phone."""

from collections.abc import Iterable

from tasks.reporting import words
from tasks.reporting.charts import curves
from tasks.reporting.charts.drawing import series
from tasks.reporting.findings import Findings
from tasks.reporting.page.markup import Markup, element, escaped, paragraph
from tasks.reporting.words import FLOAT32


def boxes(found: Findings) -> Markup:
    """Return a box for each curve, checked where it is shown at first, and buttons for all classes at once."""
    names = curves.chosen_classes(found)
    per_class = found.released["per_class"]
    shown = [_box("pooled", f"{found.recipe}, all classes", "var(--released)", checked=True)]
    if found.recipe != FLOAT32:
        shown.append(_box(FLOAT32, f"{FLOAT32}, all classes", "var(--float32)", checked=True))
    for index, name in enumerate(names):
        told = f"{words.shortened(name, 60)} (F1 {words.score('f1', per_class[name]['f1'])})"
        shown.append(_box(f"class-{index}", told, series(index)["color"], checked=index < curves.SHOWN_AT_FIRST))
    return element(
        "fieldset", element("legend", "Curves of both charts; classes with the worst F1 first"),
        *_buttons(), *shown, _left_out(len(per_class) - len(names)),
    )  # fmt: skip


def _buttons() -> Iterable[Markup]:
    for name, told in (("all", "All classes"), ("none", "No class")):
        yield Markup(f'<button type="button" data-curves="{name}">{told}</button>')


def _box(curve: str, told: str, color: str, *, checked: bool) -> Markup:
    return Markup(
        f'<label><input type="checkbox" data-curve="{curve}"{" checked" if checked else ""}>'
        f'<i style="--swatch:{color}"></i> {escaped(told)}</label>'
    )


def _left_out(classes: int) -> Markup:
    told = f"{classes:,} more classes are not drawn: better ones, or without rows to draw."
    return paragraph(told, class_="note") if classes else Markup("")
