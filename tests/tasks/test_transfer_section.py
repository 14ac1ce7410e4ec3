"""The section of the report about transfer says what `comparison.json` holds."""

from types import SimpleNamespace
from typing import Any

from tasks.reporting import html
from tasks.reporting.sections import transfer
from tests.tasks.reports import Reader

ROWS = {0.1: 30, 1.0: 300}
POINTS = [
    {"fraction": fraction, "seed": seed, "rows": rows, "epochs": 11, "pretrained": 0.6 + 0.2 * fraction + 0.01 * seed,
     "from_scratch": 0.2 + 0.4 * fraction - 0.01 * seed}
    for fraction, rows in ROWS.items() for seed in (0, 1)
]  # fmt: skip
COMPARED = {
    "primary": "accuracy", "gain_of_transfer": 0.25, "data_efficiency": POINTS,
    "fine_tuned": {"accuracy": 0.85, "rows": 372}, "head_only": {"accuracy": 0.75, "rows": 372},
    "from_scratch": {"accuracy": 0.6, "rows": 372},
}  # fmt: skip


def read(compared: dict[str, Any]) -> Reader:
    found: Any = SimpleNamespace(transfer=compared)
    written = html.page("champion.html", [transfer.section(found)], has_charts=False, rows=1, sha256="")
    return Reader(written)


def test_the_three_trainings_stand_beside_one_another() -> None:
    page = read(COMPARED | {"data_efficiency": None})
    assert list(page.tables) == ["On the 372 test rows, as float models"] and not page.charts()
    values = [row[1] for row in page.tables["On the 372 test rows, as float models"][1:]]
    assert values == ["85.00%", "75.00%", "60.00%"]
    alone = read({name: value for name, value in COMPARED.items() if name not in ("from_scratch", "data_efficiency")})
    assert [row[1] for row in alone.tables["On the 372 test rows, as float models"][1:]] == ["85.00%", "75.00%"]


def test_the_curve_has_a_dot_for_each_training_and_a_row_for_each_fraction() -> None:
    page = read(COMPARED)
    rows = page.tables["Accuracy by training rows, mean of 2 seeds"][1:]
    assert [row[0] for row in rows] == ["30 (10%)", "300 (100%)"]
    assert rows[0][1].replace("\n", " ").startswith("62.50%") and rows[0][3] == "39.00"
    (chart,) = page.charts()
    lines, dots = chart["data"][::2], chart["data"][1::2]
    assert [line["y"] for line in lines] == [[62.5, 80.5], [23.5, 59.5]]
    assert [len(each["y"]) for each in dots] == [4, 4] and dots[0]["x"] == [30, 30, 300, 300]


def test_a_model_that_was_taken_as_it_is_has_no_table() -> None:
    page = read({"tuned": False, "primary": "accuracy", "as_it_is": {"accuracy": 0.9, "rows": 10}})
    assert not page.tables and not page.charts()
