"""docs/how-to/add-a-kind.md: what stands there is a kind, from raw data to an answer of its exported file."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from tests.graph_rules import ROOT
from tests.tasks import line

PAGE = ROOT / "docs/how-to/add-a-kind.md"
MODULES = re.compile(r"`(\w+\.py)`\n```python\n(.*?)```", re.DOTALL)
STAGES = [
    "ingest@base", "ingest@target", "tasks.commands.schema --replace",
    "preprocess@base", "preprocess@target", "baseline",
    "train", "fine_tune", "cross_validate", "compress@float32", "export@float32", "evaluate@float32", "profile@float32",
]  # fmt: skip


def counts_params() -> dict[str, Any]:
    params: dict[str, Any] = line.complete("presets/diabetes.yaml")
    params["kind"], params["cross_validate"] = "counts", None
    params["train"]["fit"] |= {"epochs": 60, "patience": 60, "learning_rate": 3e-3}
    params["compress"] = {"float32": params["compress"]["float32"]}
    return params


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    """A working folder with the kind of the page, and counts of days in hospital that follow from real measurements."""
    folder = line.create(tmp_path / "line")
    kind = folder / "tasks/kinds/counts"
    kind.mkdir()
    for name, code in MODULES.findall(PAGE.read_text()):
        (kind / name).write_text(code)
    line.write_params(folder, counts_params())
    table = load_diabetes(scaled=False)
    rows = np.c_[table.data, np.rint(table.target / 20)]
    (folder / "data/incoming").mkdir(parents=True)
    header = ",".join([*table.feature_names, "target"])
    np.savetxt(folder / "data/incoming/diabetes.csv", rows, "%g", ",", header=header, comments="")
    return folder


def test_the_page_holds_every_module_that_a_kind_needs() -> None:
    names = {name for name, _ in MODULES.findall(PAGE.read_text())}
    assert names == {"__init__.py", "data.py", "model.py", "evaluation.py", "export.py"}


@pytest.mark.slow
def test_the_kind_of_the_page_learns_counts_and_its_file_gives_them(counts: Path) -> None:
    line.run_all(counts, STAGES)
    with np.load(counts / "reports/evaluate/float32/predictions.npz") as found:
        truth, predicted = found["value"], found["outputs"][:, 0]
    assert (predicted > 0).all() and abs(predicted.mean() / truth.mean() - 1) < 0.15
    assert np.corrcoef(truth, predicted)[0, 1] > 0.5
