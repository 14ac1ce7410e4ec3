"""Files on which the first version was wrong, brought into a line as their owners would, with the right outcome.

Pictures, models and the converter that crashes have their cases in the tests of predict, of models and of squeeze.
"""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tasks.commands.new import new_files
from tasks.commands.schema import schema
from tasks.core.errors import DataError
from tasks.core.params.gates import Evaluate
from tasks.data import columns
from tasks.ingest import ingest
from tasks.kinds import evaluation_of
from tasks.line import params_file
from tasks.line.drafts.choices import Choices
from tasks.plan import plan
from tasks.preprocess import preprocess
from tests.graph_rules import ROOT

CASES = ROOT.parent / "shared/cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"needs {CASES}")
TARGET = Path("data/ready/target")


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "line/schemas").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "line")
    return tmp_path / "line"


def prepared(line: Path, name: str) -> columns.Dataset:
    """Make a line of a case with no option, and run it up to its data set."""
    new_files(CASES / name, line, "mine", Choices({}))
    params = params_file.load()
    plan(params, schemas=Path("schemas"), plan=Path("plan"))
    ingest(params.ingest["target"], raw=Path("data/raw/target"))
    schema("target", replace=False)
    preprocess(
        params.preprocess["target"], params.kind, raw=Path("data/raw/target"), schema=Path("schemas/target.json"),
        ready=TARGET,
    )  # fmt: skip
    return columns.load(TARGET)


def account(data: columns.Dataset) -> tuple[int, list[str]]:
    """Rows that are kept, and the lines of `quarantine.csv`."""
    kept = sum(data.rows(split) for split in ("train", "validation", "test"))
    return kept, (TARGET / "quarantine.csv").read_text().splitlines()[1:]


def test_quotes_behind_backslashes_cost_their_own_lines_and_no_other(
    line: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, left = account(prepared(line, "swallow_backslash_quotes.csv"))
    assert kept == 398 and [row.split(",")[0].split(":")[-1] for row in left] == ["101", "301"]
    assert "400 rows, 2 columns" in capsys.readouterr().out


def test_a_class_with_a_line_break_has_one_space(line: Path) -> None:
    data = prepared(line, "newline_class.csv")
    assert "very high" in data.classes and account(data) == (60, [])


def test_the_unicode_text_of_a_spreadsheet_is_read(line: Path) -> None:
    assert account(prepared(line, "utf16.csv")) == (60, [])


@pytest.mark.parametrize("name", ["decimal_commas.tsv", "trailing_commas.csv"])
def test_numbers_with_commas_and_rows_that_end_with_one_are_read(name: str, line: Path) -> None:
    data = prepared(line, name)
    assert account(data) == (60, [])
    first = (CASES / name).read_text().splitlines()[1].replace("\t", ";").replace(",", "." if ".tsv" in name else ";")
    numbers = np.concatenate([data.column(split, "numbers").all() for split in ("train", "validation", "test")])
    assert np.isclose(numbers[:, 0], float(first.split(";")[0])).any()


@pytest.mark.parametrize(
    ("name", "told"), [("decimal_commas.tsv", "not a number: '1,8140'"), ("trailing_commas.csv", "5 cells")]
)
def test_the_schema_of_a_line_by_hand_tells_the_rows_that_cannot_be_read_and_why(
    name: str, told: str, line: Path
) -> None:
    prepared(line, name)
    form = name.rpartition(".")[2]
    shutil.copyfile(CASES / name, f"data/incoming/own.{form}")
    text = Path("params.yaml").read_text()
    text = re.sub(r"tracked: \S+?}", f"tracked: data/incoming/own.{form}}}", text)
    Path("params.yaml").write_text(
        text.replace("  target:\n    columns", f"  target:\n    format: {form}\n    columns")
    )
    ingest(params_file.load().ingest["target"], raw=Path("data/raw/target"))
    with pytest.raises(DataError) as error:
        schema("target", replace=True)
    assert told in str(error.value) and "60" in error.value.got, error.value


def test_huge_targets_have_finite_errors(line: Path) -> None:
    data = prepared(line, "huge_targets.csv")
    truth = data.column("test", data.target).all().astype(float)
    assert np.abs(truth).max() > 1e24
    scores = evaluation_of("regression").score(truth, (truth * 1.01)[:, None], data.metadata, Evaluate())
    assert scores.values["rmse"] == pytest.approx(0.01 * np.sqrt(np.mean(truth**2)))
    assert all(value is not None and np.isfinite(value) for value in scores.values.values()), scores
