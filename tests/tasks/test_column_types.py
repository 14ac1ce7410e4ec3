"""A table needs no list of its columns: the schema records which hold numbers and which categories, and says why."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from tasks.commands.schema import observe
from tasks.core.errors import DataError, ParamsError
from tasks.data import columns
from tasks.data.names import roles_of
from tasks.data.records import SPLITS
from tasks.kinds.regression import Preprocess
from tasks.kinds.tabular_classification import Preprocess as ClassPreprocess
from tests.tasks import line

NAMES = ["Row ID", "Größe (m²)", "rooms", "city", "note", "empty", "same", "Price"]


def table(count: int = 120) -> list[list[str]]:
    """A column that counts the rows, two of numbers with missing ones, a category, a free text, two of nothing."""
    cities = ("Ulm", "Bonn", "bonn", "")
    return [
        [
            str(row + 1), f"{50 + row * 7 % 61}.5" if row % 9 else "", str(row % 5) if row % 20 else "?",
            cities[row % 4], f"text number {row}", "", "x", str(1000 + 37 * row % 900),
        ]
        for row in range(count)
    ]  # fmt: skip


def settings(**changes: Any) -> Preprocess:
    return Preprocess.model_validate({"target": "Price", "shard_rows": 50} | changes)


def written(folder: Path, rows: list[list[str]], form: str = "csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"rows.{form}"
    if form == "parquet":
        parquet.write_table(pyarrow.table({name: [row[i] for row in rows] for i, name in enumerate(NAMES)}), path)
    elif form == "jsonl":
        path.write_text("".join(json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in rows))
    else:
        separator = "\t" if form == "tsv" else ","
        path.write_text("".join(separator.join(row) + "\n" for row in [NAMES, *rows]), encoding="utf-8")
    return path


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
def test_the_types_of_all_columns_are_read_from_the_file_and_recorded(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path / "source", table(), form)
    params = settings(format={"jsonl": "json_lines"}.get(form, form))
    found: Any = observe(source.parent, "regression", params)
    assert list(found.numeric) == ["gro_e_m2", "rooms"] or list(found.numeric) == ["grosse_m2", "rooms"]
    assert found.categorical == ["city"]
    assert list(found.columns.values()) == ["Größe (m²)", "rooms", "city", "Price"]
    said = capsys.readouterr().out
    assert "row_id: left out, as it counts the rows" in said
    assert "note: left out, as its texts hardly return: 120 different ones in 120 rows" in said
    assert "empty: left out, as it has no values" in said and "same: left out, as all its values are equal" in said
    assert "rooms: numbers, 5 different values, 6 missing" in said
    assert "city: categories, 3 different values, 30 missing" in said
    assert "nearly equal categories of city, which stay different: 'Bonn' and 'bonn'" in said
    assert "price: the target" in said
    data = columns.load(line.prepared(tmp_path, source, params, found.model_dump()))
    assert sum(data.rows(split) for split in SPLITS) == 120
    assert data.metadata["table"]["target"] == "price"
    assert [column["name"] for column in data.metadata["table"]["numeric"]] == list(found.numeric)
    assert (tmp_path / "ready/quarantine.csv").read_text() == "source,reason\n"


def test_what_params_say_goes_before_what_the_cells_say(tmp_path: Path) -> None:
    source = written(tmp_path / "source", table())
    found: Any = observe(source.parent, "regression", settings(categorical=["rooms"], ignore=["city"]))
    assert next(iter(found.numeric)).startswith("gr") and found.categorical == ["rooms"]
    found = observe(
        source.parent, "regression", settings(columns={"area": "Größe (m²)", "price": "Price"}, target="price")
    )
    assert (list(found.numeric), found.categorical) == (["area"], [])
    with pytest.raises(ParamsError, match="no column 'rooom'; the file has Row ID"):
        observe(source.parent, "regression", settings(numeric=["rooom"]))
    with pytest.raises(ValueError, match="write one of them"):
        settings(columns={"price": "Price"}, target="price", ignore=["city"])


def test_columns_without_names_are_numbered(tmp_path: Path) -> None:
    source = written(tmp_path / "source", table())
    source.write_text("".join(source.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    params = settings(header=False, target="column_7")
    found: Any = observe(source.parent, "regression", params)
    assert found.columns == {"column_1": 1, "column_2": 2, "column_3": 3, "column_7": 7}
    data = columns.load(line.prepared(tmp_path, source, params, found.model_dump()))
    assert sum(data.rows(split) for split in SPLITS) == 120


def test_a_class_may_be_the_target_and_a_table_of_useless_columns_is_refused(tmp_path: Path) -> None:
    rows = [[*row[:7], "high" if int(row[7]) > 1500 else "low"] for row in table()]
    source = written(tmp_path / "source", rows)
    params = ClassPreprocess.model_validate({"target": "Price"})
    found: Any = observe(source.parent, "tabular_classification", params)
    assert found.classes == ["high", "low"] and found.categorical == ["city"]
    with pytest.raises(DataError, match="no column beside the target price that a model can use: row_id: it"):
        observe(source.parent, "regression", settings(ignore=["Größe (m²)", "rooms", "city"]))


def test_roles_are_words_that_a_layer_may_be_called() -> None:
    found = roles_of(["Median Income", "median income", "2nd", "数量", "Ä-b", "", "\ufeffid\n"])
    assert found == ["median_income", "median_income_1", "column_2nd", "column_3", "a_b", "column_5", "id"]
