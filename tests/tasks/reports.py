"""The report of the tiny line, made in this process, and its tables as a reader of the page sees them."""

import contextlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tasks.reporting.findings import Findings, Places, read
from tests.tasks import line

CHART_SOURCE = "application/json"
READ = frozenset({"caption", "th", "td", "script", "h1", "h2"})


def places(folder: Path) -> Places:
    return Places(
        verdict=folder / "reports/verdict.json", models=folder / "models", evaluations=folder / "reports/evaluate",
        profiles=folder / "reports/profile", comparison=folder / "reports/fine_tune/comparison.json",
        cross_validation=folder / "reports/cross_validation.json",
        labels=folder / "reports/cross_validate/labels.csv", baseline=folder / "reports/baseline.json",
        train_history=folder / "reports/train/history.csv",
        fine_tune_history=folder / "reports/fine_tune/history.csv",
        base=folder / "data/ready/base/dataset.json", data=folder / "data/ready/target",
    )  # fmt: skip


def findings(folder: Path) -> Findings:
    """Read from within the folder, as the stage does: the paths of inputs are relative to it."""
    params = line.params_of(folder)
    with contextlib.chdir(folder):
        return read(params, places(Path()))


class Reader(HTMLParser):
    """Reads a page.

    Attributes:
        tables: the cells of each row, by the caption; the lines of a cell are apart.
        elements: every element with its attributes.
        scripts: their type and text.
        headings: of h1 and h2.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[str, str]] = []
        self.headings: list[str] = []
        self._rows: list[list[str]] = []
        self._text: list[str] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "table":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in READ:
            self._text = []
        elif tag == "small" and self._text:
            self._text.append("\n")

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag not in READ or self._text is None:
            return
        text, self._text = "".join(self._text), None
        if tag == "caption":
            self.tables[text] = self._rows
        elif tag in {"th", "td"}:
            self._rows[-1].append(text)
        elif tag == "script":
            self.scripts.append((self.elements[-1][1].get("type", ""), text))
        else:
            self.headings.append(text)

    def rows(self, caption: str) -> dict[str, list[str]]:
        """The cells of a table by the first line of each row's header."""
        return {row[0].split("\n")[0]: row[1:] for row in self.tables[caption][1:]}

    def charts(self) -> list[dict[str, Any]]:
        return [json.loads(text) for kind, text in self.scripts if kind == CHART_SOURCE]
