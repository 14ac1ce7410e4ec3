"""`tasks.commands.set` changes values of `params.yaml` and nothing else of it."""

import shutil
from pathlib import Path

import pytest

from tasks.commands.set import set_values
from tasks.core.errors import ParamsError
from tasks.models.architectures.conv_net import Train
from tests.graph_rules import ROOT
from tests.tasks import line


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml"))


def test_only_the_lines_of_the_changed_values_differ_and_comments_stay(path: Path) -> None:
    before = path.read_text().splitlines()
    set_values(path, ["train.fit.epochs=3", "preprocess.target.split.test=0.3", 'report.name="postcodes"'])
    after = path.read_text().splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [new.split("#")[0].strip() for _, new in changed] == [
        "split: {validation: 0.2, test: 0.3}",
        "fit: {epochs: 3, batch_size: 64, augment: {max_shift: 2}}",
        "name: postcodes",
    ]
    assert all(old.partition("#")[2].strip() == new.partition("#")[2].strip() for old, new in changed)
    params = line.params_of(path.parent)
    assert isinstance(params.train, Train)
    assert (params.train.fit.epochs, params.preprocess["target"].split.test) == (3, 0.3)


def test_every_comment_stays(path: Path) -> None:
    before = [text.partition("#")[2] for text in path.read_text().splitlines() if "#" in text]
    set_values(path, ["train.fit.epochs=3", "compute.threads=2", "evaluate.resamples=200"])
    assert [text.partition("#")[2] for text in path.read_text().splitlines() if "#" in text] == before


def test_a_key_that_only_has_a_default_is_added_with_the_mappings_around_it(path: Path) -> None:
    before = path.read_text()
    set_values(path, ["cross_validate.folds=3", "fine_tune.last_layers.fit.epochs=2"])
    assert path.read_text().startswith(before.partition("fine_tune:")[0])
    assert "cross_validate: {folds: 3}\n" in path.read_text()
    params = line.params_of(path.parent)
    assert params.cross_validate is not None and params.cross_validate.folds == 3
    assert params.fine_tune is not None and params.fine_tune.last_layers is not None
    assert params.fine_tune.last_layers.fit.epochs == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no "), ("a: [1", "expected"), ("", "should be a mapping"), ("a: 1\na: 2", "duplicate")],
)
def test_a_file_that_is_none_is_named_and_left_alone(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ParamsError, match=said):
        set_values(path, ["train.fit.epochs=3"])
    assert (path.read_text() if path.exists() else None) == content


def test_a_word_needs_no_quotes(path: Path) -> None:
    set_values(path, ["train.architecture=conv_net", "report.name=my_digits"])
    assert "name: my_digits" in path.read_text(encoding="utf-8")


def test_a_bound_is_added_to_the_default_bounds(path: Path) -> None:
    set_values(path, ["compare.max_drop.f1_macro=0.02"])
    assert line.params_of(path.parent).compare.max_drop == {"accuracy": 0.015, "f1_macro": 0.02}


def test_an_entry_of_a_default_list_is_changed_in_a_copy_of_that_list(tmp_path: Path) -> None:
    path = Path(shutil.copyfile(ROOT / "presets/image_folder.yaml", tmp_path / "params.yaml"))
    set_values(path, ["train.filters.0=8"])
    train = line.params_of(tmp_path).train
    assert isinstance(train, Train) and train.filters == [8, 32, 48, 64, 64]


def test_a_section_that_an_alias_shares_is_changed_in_one_place(tmp_path: Path) -> None:
    path = Path(shutil.copyfile(ROOT / "presets/image_folder.yaml", tmp_path / "params.yaml"))
    set_values(path, ["preprocess.target.split.seed=7"])
    params = line.params_of(tmp_path)
    assert [params.preprocess[role].split.seed for role in ("base", "target")] == [0, 7]
    set_values(path, ["preprocess.base.value_max=15"])
    assert [params.preprocess["base"].split.validation, line.params_of(tmp_path).preprocess["target"].split.seed] == [
        "given", 7,
    ]  # fmt: skip


@pytest.mark.parametrize("file", ["params.yaml", *(f"presets/{one.name}" for one in (ROOT / "presets").glob("*.yaml"))])
def test_a_shipped_file_keeps_its_form(file: str, tmp_path: Path) -> None:
    path = Path(shutil.copyfile(ROOT / file, tmp_path / "params.yaml"))
    set_values(path, ["evaluate.resamples=200"])
    assert path.read_text() == (ROOT / file).read_text() + "evaluate: {resamples: 200}\n"


@pytest.mark.parametrize("step", ["0", "prune"])
def test_an_entry_of_a_list_is_named_by_its_place_and_a_step_by_its_name_too(step: str, path: Path) -> None:
    set_values(path, ["train.filters.1=8", f"compress.pruned_qat_int8.steps.{step}.sparsity=0.9"])
    set_values(path, ["compress.searched.steps.quantize_aware.weight_step=2.0"])
    params = line.params_of(path.parent)
    assert isinstance(params.train, Train) and params.train.filters == [16, 8, 48]
    assert params.compress["pruned_qat_int8"].steps[0].model_dump()["sparsity"] == 0.9
    assert params.compress["searched"].steps[0].model_dump()["weight_step"] == 2.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["train.fit.epoch=3"], "'epochs'"),
        (["train.filters.3=8"], "['0', '1', '2']"),
        (["train.fit.epochs.more=3"], "at 'more' one of []"),
        (["train.fit.epochs=3 4"], "section.key=JSON"),
        (["report.name=None"], "section.key=JSON"),
        (["train.fit.epochs=three"], "train.fit.epochs"),
        (["train.fit.epochs"], "section.key=JSON"),
        (["train.fit.epochs=0"], "greater than 0"),
        (["evaluate.confidence=0.9", "train.fit.epochs=0"], "greater than 0"),
        (['kind="a/b"'], "kind"),
    ],
)
def test_a_refused_override_leaves_the_file_untouched(changes: list[str], said: str, path: Path) -> None:
    before = line.tree(path.parent)
    with pytest.raises(ParamsError, match=r"(?s)got: .*expected: .*to do: ") as caught:
        set_values(path, changes)
    assert said in str(caught.value)
    assert line.tree(path.parent) == before


def test_the_command_exits_with_78_where_it_refuses(path: Path) -> None:
    done = line.run(ROOT, f"tasks.commands.set {path} train.fit.epoch=3")
    assert done.returncode == 78 and "train.fit.epoch: this key is unknown" in done.stdout
    assert line.run(ROOT, f"tasks.commands.set {path} train.fit.epochs=3").returncode == 0
    assert line.params_of(path.parent).model_dump()["train"]["fit"]["epochs"] == 3
