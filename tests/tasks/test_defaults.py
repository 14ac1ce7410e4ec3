"""`params.yaml` states what differs from the defaults; what it means is what a complete file said."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from tasks.commands import params as command
from tasks.core.params import Settings, modules
from tasks.core.params.data import PackageSource, PathSource, UrlSource
from tasks.line import params, params_file
from tasks.line.params import WHOLE, Params, from_0_1, kind_settings, known_defaults, merged, shortened
from tests.graph_rules import ROOT
from tests.tasks import line

COMPLETE = ROOT / "tests/data/params_0_1"
FILES = sorted(path.relative_to(COMPLETE).as_posix() for path in COMPLETE.rglob("*.yaml"))
MOST_LINES = 45

every_file = pytest.mark.parametrize("file", FILES)


def before(file: str) -> Any:
    """A complete file of version 0.1, as this version writes it."""
    return from_0_1(json.loads(json.dumps(params_file.read(COMPLETE / file))))


def as_known(value: Any, known: Any) -> Any:
    """A value without the settings that a complete file of version 0.1 did not know."""
    if isinstance(value, dict) and isinstance(known, dict):
        return {key: as_known(each, known.get(key)) for key, each in value.items() if key in known}
    if isinstance(value, list) and isinstance(known, list) and len(value) == len(known):
        return [as_known(each, other) for each, other in zip(value, known, strict=True)]
    return value


def small() -> dict[str, Any]:
    """As little as a line of images can say."""
    return {
        "kind": "image_classification",
        "ingest": {"target": {"source": "path", "tracked": "images.zip"}},
        "preprocess": {"target": {}},
        "train": {"tracked": "plan/train.json", "data": "target"},
        "compress": {"float32": {}, "int8": {}},
    }


def test_there_is_a_complete_file_of_each_preset() -> None:
    assert len(FILES) == 12
    assert {f"presets/{path.name}" for path in (ROOT / "presets").glob("*.yaml")} | {"params.yaml"} == set(FILES)


@every_file
def test_a_complete_file_is_what_it_means(file: str) -> None:
    assert as_known(params_file.resolved(before(file)), before(file)) == before(file)


@every_file
def test_a_short_file_means_what_the_complete_one_said(file: str) -> None:
    """But for the gates, whose defaults fit any data by now: decision 28."""
    short, said = params_file.resolved(params_file.read(ROOT / file)), before(file)
    for section in ("release", "compare"):
        del short[section], said[section]
    assert as_known(short, said) == said


def test_a_file_of_the_version_before_keeps_its_bounds_and_refuses_what_is_undecided() -> None:
    complete = params_file.check(before("presets/image_folder.yaml"))
    assert complete.release.at_most == {"calibration_error": 0.1} and complete.release.max_size_bytes == 150_000
    assert complete.release.undecided == complete.compare.undecided == "refuse"


@every_file
def test_a_shipped_file_is_short(file: str) -> None:
    assert len((ROOT / file).read_text().splitlines()) <= MOST_LINES


@every_file
def test_shortening_keeps_the_meaning_and_can_be_repeated(file: str) -> None:
    short = shortened(before(file))
    assert params_file.resolved(short) == params_file.resolved(before(file))
    assert shortened(short) == short
    assert len(json.dumps(short)) < 0.6 * len(json.dumps(before(file)))


def test_shortening_leaves_a_file_alone_that_it_is_given() -> None:
    given = before("params.yaml")
    shortened(given)
    assert given == before("params.yaml")


def test_the_least_that_a_line_can_say_is_enough() -> None:
    complete = params_file.check(small())
    assert complete.train.architecture == "conv_net" and complete.fine_tune is None
    assert complete.preprocess["target"].format == "image_folder"
    assert [step.step for step in complete.compress["int8"].steps] == []


def test_a_mapping_of_settings_is_merged_and_one_of_free_names_is_replaced() -> None:
    low: Settings = {"release": {"at_least": {"accuracy": 0.9}, "golden_rows": 16}, "filters": [1, 2]}
    high: Settings = {"release": {"at_least": {"f1_macro": 0.8}}, "filters": [3]}
    assert merged(low, high) == {"release": {"at_least": {"f1_macro": 0.8}, "golden_rows": 16}, "filters": [3]}
    assert low["filters"] == [1, 2]


def sections(kind: Any) -> Iterator[type[BaseModel]]:
    """The sections that a type is made of, itself among them."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from sections(field.annotation)
    for inner in get_args(kind):
        yield from sections(inner)


def every_section() -> set[type[BaseModel]]:
    kinds = [kind_settings(kind) for kind in modules("kinds")]
    return {each for root in (Params, *(kind.Preprocess for kind in kinds if kind)) for each in sections(root)}


def test_every_mapping_of_free_names_is_one_that_is_replaced_as_a_whole() -> None:
    free = {
        name
        for section in every_section() - {Params}
        for name, field in section.model_fields.items()
        if get_origin(field.annotation) is dict
    }
    assert free == WHOLE - {"tokenizer"}  # which is of one type or another


def test_every_setting_is_explained() -> None:
    unexplained = [
        f"{section.__name__}.{name}"
        for section in every_section() - {Params}
        for name, field in section.model_fields.items()
        if not field.description
    ]
    assert unexplained == []


def test_what_only_the_owner_knows_has_no_default() -> None:
    sections_without_default: list[type[BaseModel]] = [PackageSource, PathSource, UrlSource, Params]
    required = {
        (section.__name__, name)
        for section in sections_without_default
        for name, field in section.model_fields.items()
        if field.is_required()
    }
    assert {name for section, name in required if section == "Params"} == {
        "kind", "ingest", "preprocess", "train", "compress",
    }  # fmt: skip
    assert ("PathSource", "tracked") in required and ("UrlSource", "url") in required


def test_a_later_training_run_has_the_batch_size_and_augmentation_of_the_first() -> None:
    raw = small()
    raw["train"]["fit"] = {"batch_size": 48, "augment": {"flip": True}}
    raw["fine_tune"] = {"head": {"batch_size": 16}, "last_layers": {}}
    raw["compress"]["mine"] = {"steps": {"prune": {"fit": {"augment": None}}, "quantize_aware": {}}}
    complete: Any = params_file.resolved(raw)
    tune = complete["fine_tune"]
    assert [tune["head"]["batch_size"], tune["last_layers"]["fit"]["batch_size"], tune["all_layers"]["batch_size"]] == [
        16, 48, 48,
    ]  # fmt: skip
    prune, aware = complete["compress"]["mine"]["steps"]
    assert prune["fit"]["augment"] is None and aware["fit"]["augment"] == {"max_shift": 4, "flip": True}
    assert prune["fit"]["patience"] == prune["fit"]["epochs"]


def test_what_a_step_keeps_follows_from_the_steps_before_it() -> None:
    raw = small()
    raw["compress"] |= {"clustered_qat_int8": {}, "pruned_clustered_qat_int8": {}}
    recipes: Any = params_file.resolved(raw)["compress"]
    assert recipes["clustered_qat_int8"]["steps"][1]["preserve_clusters"] is True
    assert [step.get("preserve_sparsity") for step in recipes["pruned_clustered_qat_int8"]["steps"]] == [
        None,
        True,
        True,
    ]


def test_a_mapping_changes_the_steps_of_a_built_in_recipe_and_a_list_replaces_them() -> None:
    raw = small()
    raw["compress"] |= {"pruned_qat_int8": {"steps": {"prune": {"sparsity": 0.9}}}}
    pruned, aware = params_file.check(raw).compress["pruned_qat_int8"].steps
    assert pruned.model_dump()["sparsity"] == 0.9 and aware.step == "quantize_aware"
    raw["compress"]["pruned_qat_int8"] = {"steps": [{"step": "prune"}]}
    (only,) = params_file.check(raw).compress["pruned_qat_int8"].steps
    assert only.model_dump()["sparsity"] == 0.6


@pytest.mark.parametrize("kind", modules("kinds"))
def test_every_recipe_that_is_built_in_is_valid(kind: str) -> None:
    examples = {before(file)["kind"]: shortened(before(file)) for file in FILES}
    raw = deepcopy(examples.get(kind, examples["regression"] | {"kind": kind}))
    built_in = known_defaults(kind, None).part("compress")
    raw["compress"] = {name: {} for name in built_in}
    raw.pop("release", None)
    assert params_file.check(raw).compress.keys() == built_in.keys() >= {"float32", "dynamic"}


def test_a_section_that_is_null_by_default_is_complete_once_it_is_asked_for() -> None:
    raw = shortened(before("presets/sms_spam.yaml"))
    assert params_file.check(raw).fine_tune is None
    tuned = params_file.check(raw | {"fine_tune": {"head": {"epochs": 2}}, "cross_validate": {}})
    assert tuned.fine_tune is not None and tuned.cross_validate is not None
    assert (tuned.fine_tune.head.epochs, tuned.fine_tune.head.learning_rate) == (2, 3e-3)


def test_a_default_that_is_written_out_changes_nothing() -> None:
    raw = small()
    assert params_file.resolved(raw | {"export": {"calibration_rows": 500}}) == params_file.resolved(raw)


def test_settings_are_read_in_little_time_without_the_libraries_of_training() -> None:
    code = "import sys; from tasks.line import params_file; params_file.load(); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True)
    loaded = {name.partition(".")[0] for name in ast.literal_eval(done.stdout)}
    assert not loaded & {"tensorflow", "tf_keras", "sklearn", "tokenizers", "PIL", "numpy", "h5py", "ray"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_prints_all_settings_and_marks_those_of_the_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([]) == 0
    said = capsys.readouterr().out
    (folder / "params.yaml").write_text(said)
    assert params_file.resolved(params_file.read()) == line.complete("params.yaml")
    marked = {text.split(":")[0].strip() for text in said.splitlines() if text.endswith("# set in params.yaml")}
    assert {"tracked", "batch_size", "max_size_bytes", "weight_step"} <= marked
    assert not {"onednn", "learning_rate_", "confidence", "schedule"} & marked


def test_the_command_prints_one_section_or_what_is_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--json", "export", "train.fit"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["export"] == {"calibration_rows": 200, "seed": 0} and said["train"]["fit"]["epochs"] == 12
    assert command.main(["--changed", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == shortened(json.loads(json.dumps(params_file.read())))


def test_the_command_refuses_a_section_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["trian"]) == 78
    assert "one of kind, compute, ingest" in capsys.readouterr().out


def test_the_defaults_of_all_kinds_name_sections_that_there_are() -> None:
    known = {*Params.model_fields, "fit", "steps"}
    for kind in modules("kinds"):
        module = kind_settings(kind)
        assert module is not None and set(module.DEFAULTS) <= known
    assert set(params.DEFAULTS) <= known
