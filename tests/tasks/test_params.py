"""`params.yaml` is checked as a whole, by the plan, before a stage does anything."""

from pathlib import Path
from typing import Any

import pytest

from tasks.core.errors import ParamsError
from tasks.line import params_file
from tasks.models.architectures.conv_net import Train
from tests.graph_rules import ROOT
from tests.tasks import line


def complete() -> Any:
    return line.complete("params.yaml")


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
    assert "fit: {epochs: 12," in text
    (tmp_path / "params.yaml").write_text(text.replace("fit: {epochs: 12,", "fit: {epochs: 12, learning_rate: 1e-3,"))
    train = line.params_of(tmp_path).train
    assert isinstance(train, Train) and train.fit.learning_rate == 0.001


def test_an_unknown_key_is_named() -> None:
    params = complete()
    params["train"]["fit"]["epoch"] = 3
    assert "train.fit.epoch: this key is unknown" in refused(params)


def test_a_key_that_is_nearly_right_is_told_what_it_may_be() -> None:
    params = complete()
    params["train"]["fit"]["epoch"] = 3
    params["ingest"]["base"]["pth"] = "x"
    params["compress"]["qat_int8"] = {"steps": {"quantize_aware": {"fitt": {}}}}
    said = refused(params)
    assert "train.fit.epoch: this key is unknown (did you mean 'epochs'?)" in said
    assert "ingest.base.pth: this key is unknown (did you mean 'path'?)" in said
    assert "compress.qat_int8.steps.quantize_aware.fitt: this key is unknown (did you mean 'fit'?)" in said


def test_a_key_that_is_like_no_other_is_told_all_that_there_are() -> None:
    params = complete()
    params["preprocess"]["target"]["whatever"] = 1
    said = refused(params)
    assert (
        "preprocess.target.whatever: this key is unknown, allowed: attributes, duplicates, folders, format, ground"
        in said
    )


@pytest.mark.parametrize("key", ["kind", "ingest", "preprocess", "compress", "train.tracked", "train.data"])
def test_a_key_without_a_default_is_missed(key: str) -> None:
    params = complete()
    *parents, last = key.split(".")
    section = params
    for name in parents:
        section = section[name]
    del section[last]
    assert f"{key}: this key is missing" in refused(params)


def test_a_wrong_kind_is_the_only_thing_that_is_said_of_it() -> None:
    params = params_file.read(ROOT / "params.yaml")
    assert isinstance(params, dict)
    said = refused(params | {"kind": "image_classificatio"})
    assert said.startswith("1 problem") and "kind: 'image_classificatio' is not one of image_classification" in said


def test_an_empty_recipe_has_to_be_built_in() -> None:
    params = complete()
    params["compress"] |= {"qat_int9": {}, "mine": None}
    params["compute"]["threads"] = 0
    said = refused(params)
    assert "compress.qat_int9: an empty recipe, and 'qat_int9' is not built in (did you mean 'qat_int8'?)" in said
    assert "compress.mine: should be a mapping of keys to values" in said and "compute.threads" in said


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
        ("release", "max_latency_us", 0.0),
        ("report", "name", 3),
    ],
)
def test_a_wrong_type_or_value_is_shown(section: str, key: str, value: Any) -> None:
    params = complete()
    params[section][key] = value
    said = refused(params)
    assert f"{section}.{key}: " in said and f"got {value!r}" in said


def test_several_problems_are_listed_at_once() -> None:
    params = complete()
    params["compute"]["threads"] = "two"
    params["release"]["max_size"] = 3
    del params["train"]["tracked"]
    said = refused(params)
    assert said.startswith("3 problems in params.yaml:")
    assert all(key in said for key in ("compute.threads", "release.max_size", "train.tracked"))


def test_the_float_recipe_cannot_be_left_out() -> None:
    params = complete()
    del params["compress"]["float32"]
    assert "float32" in refused(params)


def test_both_data_sets_have_one_shape() -> None:
    params = complete()
    params["preprocess"]["target"]["image_shape"] = [14, 14, 1]
    assert "image_shape differs" in refused(params)


def test_the_base_may_be_left_out_where_training_is_on_the_target() -> None:
    params = complete()
    del params["ingest"]["base"]
    assert "give both sections the same roles" in refused(params)
    del params["preprocess"]["base"]
    assert "train.data is base, and ingest and preprocess lack `base`" in refused(params)
    params["train"]["data"] = "target"
    assert set(params_file.check(params).ingest) == {"target"}
    del params["ingest"]["target"], params["preprocess"]["target"]
    assert "lack `target`" in refused(params)


def test_a_package_is_watched_by_the_plan_file_of_its_own_stage() -> None:
    params = complete()
    params["ingest"]["target"]["tracked"] = "plan/ingest/base.json"
    assert "write plan/ingest/target.json" in refused(params)
    params["ingest"]["target"]["tracked"] = "requirements.lock"
    assert "ingest.target.tracked: " in refused(params)


def test_splits_that_leave_nothing_to_train_on_are_refused() -> None:
    params = complete()
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
    assert "release.max_sise_bytes: this key is unknown (did you mean 'max_size_bytes'?)" in done.stdout
    assert not (folder / "data").exists()


def test_a_key_that_the_section_lacks_is_refused_with_those_that_it_has(folder: Path) -> None:
    done = line.run(folder, "export@int4")
    assert done.returncode == 78
    assert "plan/export/int4.json: no such file" in done.stdout and str(sorted(line.RECIPES)) in done.stdout


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
    params = complete()
    *parents, last = key.split(".")
    section = params
    for name in parents:
        section = section[name]
    section[last] = value
    assert key in refused(params)


def test_the_path_in_a_message_is_that_of_the_file() -> None:
    params = complete()
    params["compress"]["qat_int8"]["steps"][0]["fit"]["epochs"] = 0
    assert "compress.qat_int8.steps.0.fit.epochs: " in refused(params)
