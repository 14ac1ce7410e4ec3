"""`tasks.override` changes values of `params.yaml` and nothing else of it."""

import shutil
from pathlib import Path

import pytest

from tasks.contracts.errors import ParamsError
from tasks.models.architectures.conv_net import Train
from tasks.override import override
from tests.graph_rules import ROOT
from tests.tasks import line


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml"))


def test_only_the_lines_of_the_changed_values_differ_and_comments_stay(path: Path) -> None:
    before = path.read_text().splitlines()
    override(path, ["train.fit.epochs=3", "preprocess.target.split.seed=7", 'report.name="postcodes"'])
    after = path.read_text().splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [new.split("#")[0].strip() for _, new in changed] == [
        "split: {validation: 0.2, test: 0.31, seed: 7}",
        "epochs: 3",
        "name: postcodes",
    ]
    assert all(old.partition("#")[2].strip() == new.partition("#")[2].strip() for old, new in changed)
    params = line.params_of(path.parent)
    assert isinstance(params.train, Train)
    assert (params.train.fit.epochs, params.preprocess["target"].split.seed) == (3, 7)


def test_every_comment_stays(path: Path) -> None:
    before = [text.partition("#")[2] for text in path.read_text().splitlines() if "#" in text]
    override(path, ["train.fit.epochs=3", "compute.threads=2"])
    assert [text.partition("#")[2] for text in path.read_text().splitlines() if "#" in text] == before


def test_an_entry_of_a_list_is_named_by_its_place(path: Path) -> None:
    override(path, ["train.filters.1=8", "compress.pruned_qat_int8.steps.0.sparsity=0.9"])
    params = line.params_of(path.parent)
    assert isinstance(params.train, Train) and params.train.filters == [16, 8, 48]
    assert params.compress["pruned_qat_int8"].steps[0].model_dump()["sparsity"] == 0.9


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["train.fit.epoch=3"], "'epochs'"),
        (["train.filters.3=8"], "['0', '1', '2']"),
        (["train.fit.epochs.more=3"], "at 'more' one of []"),
        (["train.fit.epochs=three"], "section.key=JSON"),
        (["train.fit.epochs"], "section.key=JSON"),
        (["train.fit.epochs=0"], "greater than 0"),
        (["evaluate.confidence=0.9", "train.fit.epochs=0"], "greater than 0"),
        (['kind="a/b"'], "kind"),
    ],
)
def test_a_refused_override_leaves_the_file_untouched(changes: list[str], said: str, path: Path) -> None:
    before = line.tree(path.parent)
    with pytest.raises(ParamsError, match=r"(?s)got: .*expected: .*to do: ") as caught:
        override(path, changes)
    assert said in str(caught.value)
    assert line.tree(path.parent) == before


def test_the_command_exits_with_78_where_it_refuses(path: Path) -> None:
    done = line.run(ROOT, f"tasks.override {path} train.fit.epoch=3")
    assert done.returncode == 78 and "got:      the key 'train.fit.epoch'" in done.stdout
    assert line.run(ROOT, f"tasks.override {path} train.fit.epochs=3").returncode == 0
    assert line.params_of(path.parent).model_dump()["train"]["fit"]["epochs"] == 3
