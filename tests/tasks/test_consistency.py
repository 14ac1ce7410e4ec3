"""What follows from parameters and schemas alone is checked before anything runs, all of it at once."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.core.errors import ParamsError
from tasks.line import consistency, params_file
from tasks.plan import plan
from tests.graph_rules import ROOT
from tests.tasks import line

ATTRIBUTES = "source,writer,ink\nrows.csv:1,a,3\n"
TABLE = {
    "kind": "regression",
    "numeric": {"med_inc": {"min": 0, "max": 20}, "latitude": {"min": 30, "max": 45}},
    "categorical": [],
    "target": {"min": 0, "max": 10},
}


def problems(path: str, folder: Path, change: dict[str, Any], schema: dict[str, Any] | None = None) -> list[str]:
    """The problems of a shipped file with some sections changed, beside a schema of the target."""
    params = line.complete(path)
    for section, values in change.items():
        params[section] = params[section] | values if isinstance(values, dict) and params[section] else values
    line.write_params(folder, params)
    (folder / "schemas").mkdir(exist_ok=True)
    if schema:
        (folder / "schemas/target.json").write_text(json.dumps(schema))
    return consistency.problems(params_file.load(folder / "params.yaml"), folder / "schemas")


DIGITS, HOUSING, SMS, PAIRS = "params.yaml", "presets/housing.yaml", "presets/sms_spam.yaml", "presets/translation.yaml"
AUGMENTED = {"epochs": 1, "augment": {"max_shift": 1}}


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        (DIGITS, {"release": {"at_least": {"acuracy": 0.9}}},
         "release.at_least.acuracy: no metric of image_classification; did you mean accuracy?"),
        (DIGITS, {"release": {"max_relative_drop": {"rmse": 0.1}}},
         "release.max_relative_drop.rmse: no metric of image_classification; the metrics are accuracy,"),
        (DIGITS, {"compare": {"max_relative_drop": {"rmse": 0.1}}}, "compare.max_relative_drop.rmse: no metric of"),
        (DIGITS, {"release": {"device": "fridge"}}, "release.device: fridge is no file of presets/devices; there are"),
        (DIGITS, {"release": {"accept": {"recipe": "int9", "reason": "x", "sha256": "0" * 64}}},
         "release.accept.recipe: int9 is no recipe of this line; there are float32, int8,"),
        (DIGITS, {"evaluate": {"slices": [{"column": "writer"}]}},
         "evaluate.slices.0.column: writer, and preprocess.target.attributes is null: name the CSV file that has the"),
        (DIGITS, {"cross_validate": {"group": "writer"}}, "cross_validate.group: writer, and preprocess.target.attr"),
        (DIGITS, {"evaluate": {"slices": [{"column": "ink", "at_least": 5.0, "below": 5.0}]}},
         "evaluate.slices.0: no row is at least 5 and below 5"),
        (HOUSING, {"compress": {"int8": {"precision": "int8"}}},
         "compress.int8.precision: int8 is none of regression; there are float32, dynamic"),
        (SMS, {"compress": {"mine": {"finish": [{"step": "round_weights"}], "float_layers": ["logits"]}}},
         "compress.mine.finish: round_weights is for images alone; take it out, or leave slim"),
        (SMS, {"train": {"fit": AUGMENTED}}, "train.fit.augment: only images can be augmented; write null"),
        (PAIRS, {"compress": {"int8": {"precision": "int8"}}},
         "compress.int8.precision: int8 is none of translation; there are float32, float16, dynamic"),
        (PAIRS, {"cross_validate": {"folds": 3}}, "cross_validate: translation has none; write `cross_validate: null`"),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere_is_told(path: str, change: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert any(problem.startswith(said) for problem in problems(path, tmp_path, change))


@pytest.mark.parametrize("path", [DIGITS, HOUSING, SMS, PAIRS])
def test_the_shipped_files_have_no_problem(path: str, tmp_path: Path) -> None:
    assert problems(path, tmp_path, {}) == []


def test_a_slice_of_a_column_that_the_attributes_lack_is_told_where_the_file_lies_here(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "rows.csv").write_text(ATTRIBUTES)
    params = line.complete(DIGITS)
    target = params["preprocess"]["target"] | {"attributes": "rows.csv"}
    source = {"source": "path", "tracked": str(raw)}
    change = {"preprocess": {"target": target}, "ingest": {"target": source}}
    slices = {"evaluate": {"slices": [{"column": "writer"}, {"column": "inc"}]}, "cross_validate": {"group": "pen"}}
    assert problems(DIGITS, tmp_path, change | slices) == [
        "evaluate.slices.1.column: inc is no column of rows.csv; there are writer, ink",
        "cross_validate.group: pen is no column of rows.csv; there are writer, ink",
    ]
    (raw / "rows.csv").unlink()  # such as inside of an archive: then `evaluate` is the first to know
    assert problems(DIGITS, tmp_path, change | slices) == []


def table(numeric: list[str]) -> dict[str, Any]:
    params = line.complete(HOUSING)
    target = params["preprocess"]["target"]
    columns = {name: index for index, name in enumerate([*numeric, "price"])}
    changed = target | {"columns": columns, "numeric": numeric, "categorical": [], "target": "price"}
    return {"preprocess": {"target": changed, "base": changed}}


def test_columns_that_the_schema_does_not_have_are_told_with_the_one_that_is_meant(tmp_path: Path) -> None:
    found = problems(HOUSING, tmp_path, table(["med_ink", "latitude"]), TABLE)
    assert found == [
        "preprocess.target.numeric: med_ink is not in schemas/target.json; did you mean med_inc?",
        "preprocess.target.numeric lacks med_inc, which schemas/target.json has; where the data have changed, "
        "`trimline schema target --replace` writes a new one",
    ]
    assert problems(HOUSING, tmp_path, table(["med_inc", "latitude"]), TABLE) == []


def test_a_bound_that_the_number_of_classes_leaves_undefined_is_told(tmp_path: Path) -> None:
    schema = json.loads((ROOT / "schemas/target.json").read_text()) | {"classes": ["a", "b", "c"]}
    change = {"release": {"at_least": {"top_3_accuracy": 0.9}}}
    assert problems(DIGITS, tmp_path, change, schema) == [
        "release.at_least.top_3_accuracy: undefined with 3 classes; take the bound out, or lower evaluate.top_k"
    ]
    schema["classes"] += ["d"]
    assert problems(DIGITS, tmp_path, change, schema) == []


def test_all_problems_are_told_at_once_and_at_once(tmp_path: Path) -> None:
    params = line.complete(DIGITS)
    params["release"] |= {"at_least": {"acuracy": 0.9}, "device": "fridge"}
    params["evaluate"]["slices"] = [{"column": "writer"}]
    params["compress"]["int8"]["float_layers"] = ["conv_9"]
    line.write_params(tmp_path, params)
    (tmp_path / "schemas").mkdir()
    began = time.perf_counter()
    with pytest.raises(ParamsError) as refused:
        plan(params_file.load(tmp_path / "params.yaml"), schemas=tmp_path / "schemas", plan=tmp_path / "plan")
    assert time.perf_counter() - began < 5
    assert refused.value.got.startswith("4 problems in params.yaml:")
    for name in ("acuracy", "fridge", "writer", "conv_9"):
        assert name in refused.value.got
    assert not (tmp_path / "plan").exists()
