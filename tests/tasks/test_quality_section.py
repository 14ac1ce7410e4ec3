"""The page names the rows that a person should look at."""

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.reporting.findings import Findings
from tasks.reporting.sections import report_page
from tests.tasks import reports
from tests.tasks.reports import Reader

UNSURE = {"max_error": 0.02, "confidence": 0.9, "validation_rows": 400}


@pytest.fixture(scope="module")
def found(tiny_line: Path) -> Findings:
    return reports.findings(tiny_line)


def test_the_network_of_the_folds_names_suspicious_labels_by_their_places(found: Findings) -> None:
    page = report_page(found)
    table = Reader(page).tables["Labels, the most suspicious first"]
    assert table[0] == ["rank", "row", "label", "rather", "likely wrong"]
    assert [row[0] for row in table[1:]] == [str(number + 1) for number in range(20)]
    assert all(row[1].startswith("target.csv:") and row[2] != row[3] for row in table[1:])
    assert "By the network, trained without them" in page and "Rows to look at" in page


def test_near_copies_and_rows_that_were_left_out_stand_on_the_page(found: Findings) -> None:
    summary = {"rows": 2, "groups": 1, "moved": 1, "across_splits": 0, "classes_differ": 1, "left_out": ""}
    rows = [{"group": "0", "source": name, "split": "train", "classes_differ": "yes"} for name in ("a.jpg", "b.jpg")]
    left_out = {"source": "t.csv:4", "reason": "breaks the rule age >= 0: age is '-3'"}
    quality = replace(
        found.quality, near_copies=summary, near_copy_rows=rows, reasons={"breaks the rule age >= 0": 1},
        quarantined=[left_out],
    )  # fmt: skip
    tables = Reader(report_page(replace(found, quality=quality))).tables
    assert tables["Near copies"][1:] == [["0", "a.jpg", "train", "yes"], ["0", "b.jpg", "train", "yes"]]
    assert tables["Rows left out"][1:] == [["breaks the rule age >= 0", "1"]]
    assert tables["All of them"][1:] == [list(left_out.values())]


def test_the_balance_of_the_classes_and_what_follows_from_it_are_said(found: Findings) -> None:
    assert "All rows count alike in training." in report_page(found)
    rare = replace(found.quality, class_rows={"ham": 3165, "spam": 445})
    assert "7.1 to 1. From 5 to 1 on, rows of rare classes count more" in report_page(replace(found, quality=rare))


@pytest.mark.parametrize(
    ("unsure", "said"),
    [
        ({"threshold": None, "reason": "too few rows"}, "The model always answers"),
        (
            {"threshold": 0.8, "coverage": 0.9, "error_rate": 0.01, "interval": [0.002, 0.03]},
            "It answers 90.0% of the test rows, and 1.0% of these answers are wrong [0.2%, 3.0%]",
        ),
        ({"threshold": 0.8, "coverage": 0.0, "error_rate": None, "interval": None}, "It answers none of the test rows"),
    ],
)
def test_what_unsure_costs_is_said(found: Findings, unsure: dict[str, object], said: str) -> None:
    measured = found.measured | {"unsure": UNSURE | unsure}
    assert said in report_page(replace(found, metrics=found.metrics | {found.recipe: measured}))
