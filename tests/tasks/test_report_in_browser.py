"""The report as a reader has it: in a browser, on a desk and on a phone, in light and dark, without a mouse."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.reporting.sections import report_page
from tests.tasks import browser
from tests.tasks.reports import findings
from tests.tasks.test_report import with_an_evil_class

pytestmark = pytest.mark.skipif(browser.NAME is None, reason="there is no chromium and no google-chrome here")
DRAWN = "document.documentElement.dataset.drawn !== undefined"
# What is drawn of the traces that are to be seen, by chart.
CHARTS = """[...document.querySelectorAll(".chart")].map((place) => [place.id,
  place.querySelectorAll("svg .scatterlayer .trace, svg .heatmaplayer .hm, svg .barlayer .trace").length,
  place.data.filter((trace) => trace.visible !== false).length])"""
CONTROLS = 'a[href], button, input, textarea, summary, [tabindex="0"]'
TROUBLE = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}


@pytest.fixture(scope="module")
def page(tiny_line: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    with browser.opened(tiny_line / "reports/report.html", tmp_path_factory.mktemp("browser")) as page:
        page.wait_until(DRAWN)
        yield page


def trouble(page: browser.Page) -> list[dict[str, Any]]:
    return [event for event in page.events if event.get("method") in TROUBLE]


def foreign(page: browser.Page) -> list[str]:
    asked = [
        event["params"]["request"]["url"] for event in page.events if event["method"] == "Network.requestWillBeSent"
    ]
    assert any(url.startswith("file:") for url in asked)
    return [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def test_every_chart_is_drawn_without_an_error_or_a_request(page: browser.Page) -> None:
    drawn = page.evaluate(CHARTS)
    assert len(drawn) >= 14
    assert [one for one in drawn if one[1] != one[2] or not one[1]] == []
    assert trouble(page) == [] and foreign(page) == []


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_no_page_is_wider_than_its_window(page: browser.Page, width: int) -> None:
    page.resize(width, 844)
    page.wait_until(f"document.documentElement.scrollWidth <= {width}")
    page.resize(1280, 800)


def test_dark_mode_changes_the_colours_of_page_and_charts(page: browser.Page) -> None:
    colours = """[getComputedStyle(document.body).backgroundColor,
      document.querySelector("#roc .xtick text").style.fill,
      document.querySelector("#lost-in-each-metric .points path").style.fill]"""
    page.prefer("light")
    light = page.evaluate(colours)
    page.prefer("dark")
    page.wait_until(f"String({colours}) !== {','.join(light)!r}")
    assert all(before != after for before, after in zip(light, page.evaluate(colours), strict=True))
    page.prefer("light")
    page.wait_until(f"String({colours}) === {','.join(light)!r}")


def test_a_box_shows_and_hides_its_curve_in_both_charts(page: browser.Page) -> None:
    count = """["roc", "precision-recall"].map((name) =>
      document.querySelectorAll(`#${name} .scatterlayer .trace`).length)"""
    page.evaluate('document.querySelector("button[data-curves=none]").click()')
    few = page.evaluate(count)
    page.evaluate('document.querySelector("input[data-curve=class-0]").click()')
    assert page.evaluate(count) == [number + 1 for number in few]
    page.evaluate('document.querySelector("button[data-curves=all]").click()')
    assert page.evaluate(count) == [number + 10 for number in few]


def test_every_control_is_reached_by_tab_and_shows_it(page: browser.Page) -> None:
    page.evaluate('document.querySelectorAll("details").forEach((one) => { one.open = true; })')
    page.evaluate("document.activeElement.blur()")
    expected = page.evaluate(f"document.querySelectorAll('{CONTROLS}').length")
    page.evaluate(f"window.controls = [...document.querySelectorAll('{CONTROLS}')]")
    reached: list[int] = []
    for _ in range(expected):
        page.press("Tab", 9)
        reached.append(page.evaluate("window.controls.indexOf(document.activeElement)"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert sorted(reached) == list(range(expected))


def test_strange_names_break_neither_charts_nor_the_width_of_a_phone(tiny_line: Path, tmp_path: Path) -> None:
    found = with_an_evil_class(findings(tiny_line))
    unequal = {name: one | {"rows": one["rows"] + 1} for name, one in found.metrics.items()}
    (tmp_path / "evil.html").write_text(report_page(replace(found, metrics=unequal)), encoding="utf-8")
    with browser.opened(tmp_path / "evil.html", tmp_path / "browser", width=390, height=844) as page:
        page.wait_until(DRAWN)
        assert [one for one in page.evaluate(CHARTS) if one[1] != one[2] or not one[1]] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert trouble(page) == [] and foreign(page) == []
        assert page.evaluate("[...document.images].every((one) => one.src.startsWith('data:image/'))")
