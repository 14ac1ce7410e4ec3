"""The page round its sections: one file that fetches nothing and runs no script but the two that it holds."""

import base64
import hashlib
from collections.abc import Iterable, Sequence

from plotly.offline import get_plotlyjs

from tasks.reporting.charts.drawing import Chart
from tasks.reporting.page.markup import Cell, Markup, Section, element, escaped, joined, paragraph
from tasks.reporting.page.script import SCRIPT
from tasks.reporting.page.style_sheet import STYLE_SHEET

QUOTED_NONE = "'none'"


def page(title: str, header: Sequence[Cell], sections: Iterable[Section], footer: str, *, charts: bool = True) -> str:
    """Return the whole document.

    Args:
        title: of the window.
        header: above the navigation.
        sections: in their order.
        footer: the last line.
        charts: whether there are any; a page without needs no script.
    """
    sections, scripts = list(sections), (get_plotlyjs(), SCRIPT) if charts else ()
    links = [element("li", element("a", one.short, href=f"#{one.name}")) for one in sections]
    body = joined([
        element("a", "Skip to the content", href="#content", class_="skip"),
        element("header", *header),
        element("nav", element("ul", *links), aria_label="Sections"),
        element("main", *(_section(one) for one in sections), id="content"),
        element("footer", paragraph(footer)),
        Markup("<noscript><p>The charts need JavaScript; every number is in the tables, too.</p></noscript>" * charts),
        *(Markup(f"<script>{script}</script>") for script in scripts),
    ])  # fmt: skip
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'; "
        f"script-src {' '.join(map(_hash, scripts)) or QUOTED_NONE}"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>{STYLE_SHEET}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def drawn(*charts: Chart, curves: bool = False) -> Markup:
    """Return charts with their words, side by side where there is room.

    Args:
        charts: to be drawn when the page is open.
        curves: whether their curves are shown and hidden by the boxes of the page.
    """
    figures = [_figure(chart, curves) for chart in charts]
    return element("div", *figures, class_="charts") if len(figures) > 1 else joined(figures)


def _figure(chart: Chart, curves: bool) -> Markup:
    told = f"{chart.title}. {chart.told}"
    marked = ' data-curves=""' if curves else ""
    place = Markup(
        f'<div class="chart" id="{escaped(chart.name)}" role="img" aria-label="{escaped(told)}"{marked} '
        f'style="height:{chart.height}px"></div>'
        f'<script type="application/json" id="{escaped(chart.name)}-figure">{chart.figure}</script>'
    )
    return element("figure", element("figcaption", element("h3", chart.title), paragraph(chart.told)), place)


def _section(section: Section) -> Markup:
    heading = element("h2", section.title, id=f"{section.name}-title")
    return element("section", heading, section.body, id=section.name, aria_labelledby=f"{section.name}-title")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
