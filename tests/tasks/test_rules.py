"""Rules of the user's: what they say of real patients' rows, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from tasks.core.errors import DataError
from tasks.core.params.data import Tables
from tasks.data import columns
from tasks.data.records import Chunk, objects
from tasks.data.rules import divided, parsed
from tests.tasks import line

NUMERIC = ["age", "bmi", "s1"]
NAMES = [*NUMERIC, "sex", "target"]
SECTION = Tables.model_validate(
    {
        "columns": {name: name for name in NAMES}, "numeric": NUMERIC, "categorical": ["sex"], "target": "target",
        "max_bad_fraction": 0.5, "shard_rows": 40,
    }
)  # fmt: skip
WIDE = {"min": -1000, "max": 1000}


def patients(count: int, **changed: dict[int, str]) -> list[dict[str, str]]:
    """The first rows of scikit-learn's diabetes table, in their own units, with single values changed."""
    table = load_diabetes(scaled=False)
    names = [*table.feature_names, "target"]
    cells = np.column_stack([table.data, table.target]).tolist()
    rows = [dict(zip(names, map("{:g}".format, row), strict=True)) for row in cells]
    for name, values in changed.items():
        for row, value in values.items():
            rows[row][name] = value
    return rows[:count]


def prepared(folder: Path, rules: list[str], **changed: dict[int, str]) -> tuple[columns.Dataset, list[str]]:
    """Patients as preprocess leaves them, and the lines of the quarantine."""
    rows = patients(200, **changed)
    source = line.csv_of(folder / "source", [",".join(NAMES), *(",".join(row[name] for name in NAMES) for row in rows)])
    schema = {
        "kind": "regression", "numeric": dict.fromkeys(NUMERIC, WIDE), "categorical": ["sex"], "target": WIDE,
        "rules": rules,
    }  # fmt: skip
    ready = line.prepared(folder, source, SECTION, schema)
    return columns.load(ready), (ready / "quarantine.csv").read_text().splitlines()[1:]


def broken(rule: str, **values: list[str] | np.ndarray[Any, Any]) -> list[int]:
    """Which rows break a rule."""
    arrays = {name: one if isinstance(one, np.ndarray) else objects(one) for name, one in values.items()}
    count = len(next(iter(arrays.values())))
    chunk = Chunk(arrays, np.array([f"{row}" for row in range(count)]))
    return [int(row.source) for row in divided(chunk, [parsed(rule, tuple(arrays))])[1]]


def test_a_row_that_breaks_a_rule_is_quarantined_with_the_rule_as_its_reason(tmp_path: Path) -> None:
    ready, quarantined = prepared(tmp_path, ["age >= 0"], age={3: "-3", 150: "-48", 7: ""})
    assert quarantined == [
        "rows.csv:5,breaks the rule age >= 0: age is '-3'",
        "rows.csv:152,breaks the rule age >= 0: age is '-48'",
    ]
    assert ready.metadata["quarantined"] == {"breaks the rule age >= 0": 2}
    assert sum(ready.rows(split) for split in ("train", "validation", "test")) == 198


def test_rows_are_compared_with_all_others_where_a_rule_says_unique(tmp_path: Path) -> None:
    rows = patients(200)
    same = {"age": {190: rows[2]["age"]}, "bmi": {190: rows[2]["bmi"]}}
    assert prepared(tmp_path, ["age, bmi, s1 is unique"], **same)[1] == []
    same |= {"s1": {190: rows[2]["s1"] + ".0"}}
    ready, quarantined = prepared(tmp_path / "two", ["age, bmi, s1 is unique"], **same)
    assert quarantined == ['rows.csv:192,"breaks the rule age, bmi, s1 is unique: as in rows.csv:4"']
    assert sum(ready.rows(split) for split in ("train", "validation", "test")) == 199


@pytest.mark.parametrize(
    ("rule", "values", "wrong"),
    [
        ("age >= 0", {"age": ["0", "-0.5", "", "NA", "old", "1e3"]}, [1, 4]),
        ("age > 0", {"age": np.array([1.0, 0.0, np.nan])}, [1]),
        ("age != 99", {"age": ["99", "99.0", "9"]}, [0, 1]),
        ("start <= end", {"start": ["9", "10", "2024-01-31", ""], "end": ["10", "9", "2024-01-30", "3"]}, [1, 2]),
        ("unit in kg, 'g'", {"unit": ["kg", " g ", "lb", ""]}, [2]),
        ("unit == 'kg'", {"unit": ["kg", "g"]}, [1]),
        ("code matches [A-Z]{2}[0-9]+", {"code": ["AB1", "AB", "xAB1", ""]}, [1, 2]),
        ("age is present", {"age": ["1", "", " NaN "]}, [1, 2]),
    ],
)
def test_each_form_says_which_rows_break_it(rule: str, values: dict[str, Any], wrong: list[int]) -> None:
    assert broken(rule, **values) == wrong


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("agee >= 0", "did you mean age?"),
        ("age >= 0 and sex == 1", "the forms are"),
        ("__import__('os').system('true')", "the forms are"),
        ("sex == f", "'sex == f' names f"),
        ("sex matches [", "no regular expression"),
        ("age", "the forms are"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_before_a_row_is(rule: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        prepared(tmp_path, [rule])
    assert said in str(refused.value) and "correct `rules` in" in str(refused.value)


def test_the_plan_refuses_a_rule_on_a_column_that_is_not_there(folder: Path) -> None:
    path = folder / "schemas/target.json"
    schema = json.loads(path.read_text())
    path.write_text(json.dumps(schema | {"rules": ["age >= 0"]}))
    refused = line.run(folder, "plan")
    assert refused.returncode == 78
    assert "schemas/target.json: rule 'age >= 0' names age" in refused.stdout
