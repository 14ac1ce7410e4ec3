"""`params.yaml` is checked as a whole, by every stage, before it does anything."""

from pathlib import Path
from typing import Any

import pytest

from tasks.contracts import params_file
from tasks.contracts.errors import ParamsError
from tasks.models.architectures.conv_net import Train
from tests.graph_rules import ROOT, yaml
from tests.tasks import line


def refused(params: Any) -> str:
    with pytest.raises(ParamsError) as caught:
        params_file.check(params)
    assert caught.value.exit_status == 78
    return caught.value.got


@pytest.mark.parametrize(
    "path", ["params.yaml", *(f"presets/{file.name}" for file in (ROOT / "presets").glob("*.yaml"))]
)
def test_every_shipped_file_is_accepted(path: str) -> None:
    params_file.load(ROOT / path)


def test_a_rate_written_as_1e_3_is_a_float(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text()
    assert "learning_rate: 3.0e-3" in text
    (tmp_path / "params.yaml").write_text(text.replace("learning_rate: 3.0e-3", "learning_rate: 1e-3"))
    train = line.params_of(tmp_path).train
    assert isinstance(train, Train) and train.fit.learning_rate == 0.001


def test_an_unknown_key_is_named() -> None:
    params = yaml("params.yaml")
    params["train"]["fit"]["epoch"] = 3
    assert "train.fit.epoch: this key is unknown" in refused(params)


def test_a_missing_section_is_named() -> None:
    params = yaml("params.yaml")
    del params["evaluate"]
    assert "evaluate: this key is missing" in refused(params)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("compute", "threads", "1"),
        ("compute", "onednn", 1),
        ("train", "architecture", "../conv_net"),
        ("export", "calibration_rows", 0),
        ("export", "calibration_rows", 1.5),
        ("evaluate", "confidence", 1.0),
        ("release", "max_slice_drop", -0.1),
        ("release", "max_latency_us", None),
        ("report", "name", 3),
    ],
)
def test_a_wrong_type_or_value_is_shown(section: str, key: str, value: Any) -> None:
    params = yaml("params.yaml")
    params[section][key] = value
    said = refused(params)
    assert f"{section}.{key}: " in said and f"got {value!r}" in said


def test_several_problems_are_listed_at_once() -> None:
    params = yaml("params.yaml")
    params["compute"]["threads"] = "two"
    params["release"]["max_size"] = 3
    del params["profile"]["runs"]
    said = refused(params)
    assert said.startswith("3 problems in params.yaml:")
    assert all(key in said for key in ("compute.threads", "release.max_size", "profile.runs"))


def test_the_float_recipe_cannot_be_left_out() -> None:
    params = yaml("params.yaml")
    del params["compress"]["float32"]
    assert "float32" in refused(params)


def test_both_data_sets_are_needed_in_one_shape() -> None:
    params = yaml("params.yaml")
    params["preprocess"]["target"]["image_shape"] = [14, 14, 1]
    assert "image_shape differs" in refused(params)
    del params["ingest"]["base"]
    assert "ingest lacks ['base']" in refused(params)


def test_splits_that_leave_nothing_to_train_on_are_refused() -> None:
    params = yaml("params.yaml")
    params["preprocess"]["target"]["split"] |= {"validation": 0.5, "test": 0.5}
    assert "leaves no rows to train on" in refused(params)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [1}\n", "at line 2, column 6 of"),
        ("a: 1\na: 2\n", 'duplicate key "a"'),
        ("", "the file: "),
        ("- train", "the file: "),
    ],
)
def test_what_is_no_yaml_mapping_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParamsError) as caught:
        line.params_of(tmp_path)
    assert said in caught.value.got


def test_a_typo_under_release_stops_ingest_before_it_reads_anything(folder: Path) -> None:
    params = line.tiny_params()
    params["release"]["max_sise_bytes"] = params["release"].pop("max_size_bytes")
    line.write_params(folder, params)
    done = line.run(folder, "ingest@base")
    assert done.returncode == 78
    assert "release.max_sise_bytes: this key is unknown" in done.stdout
    assert "release.max_size_bytes: this key is missing" in done.stdout
    assert not (folder / "data").exists()


def test_a_key_that_the_section_lacks_is_refused_with_those_that_it_has(folder: Path) -> None:
    done = line.run(folder, "export@int4")
    assert done.returncode == 78
    assert "--key int4" in done.stdout and str(sorted(line.RECIPES)) in done.stdout


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "no_such_kind"),
        ("preprocess.base.format", "spreadsheet"),
        ("train.architecture", "no_such_net"),
        ("train.fit.seed", -1),
        ("export.seed", -1),
        ("release.max_latency_us", float("inf")),
    ],
)
def test_a_value_that_no_stage_can_work_with_is_refused(key: str, value: Any) -> None:
    params = yaml("params.yaml")
    *parents, last = key.split(".")
    section = params
    for name in parents:
        section = section[name]
    section[last] = value
    assert key in refused(params)


def test_the_path_in_a_message_is_that_of_the_file() -> None:
    params = yaml("params.yaml")
    params["compress"]["qat_int8"]["steps"][0]["fit"]["epochs"] = 0
    assert "compress.qat_int8.steps.0.fit.epochs: " in refused(params)
