"""Every line of a file is a row that was kept, one in the quarantine with its reason, or named: nothing is lost."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.commands.schema import observe
from tasks.core.errors import DataError, StageError
from tasks.data import account, columns
from tasks.data.formats import csv as csv_format
from tasks.data.records import SPLITS, BadRow, Chunk, Places
from tests.tasks import line, tabular, texts

BACKSLASH = 'ham,"he said \\""'  # a quote that a backslash was meant to escape, which CSV does not know


def kept(data: columns.Dataset) -> int:
    return sum(data.rows(split) for split in SPLITS)


def quarantine(data: columns.Dataset) -> list[tuple[str, str]]:
    with (data.folder / "quarantine.csv").open(newline="") as file:
        return [(source, reason) for source, reason in list(csv.reader(file))[1:]]


def messages(folder: Path, lines: list[str], **changes: Any) -> columns.Dataset:
    """Preprocess lines of `label,text` under such a header."""
    texts.written(folder, ["label,text", *lines], "rows.csv")
    settings = {"format": "csv", "columns": {"label": "label", "text": "text"}, "header": True} | changes
    return columns.load(line.prepared(folder, folder / "rows.csv", texts.section(**settings), texts.SCHEMA))


def some(count: int) -> list[str]:
    words = ("tonight", "later", "paper", "bus", "noon", "book", "lunch")
    return [
        f"{'ham' if row % 3 else 'spam'},{words[row % 7]} {words[row // 7 % 7]} number {row} please"
        for row in range(count)
    ]


def test_a_quote_that_runs_over_lines_costs_its_own_line_and_no_other(tmp_path: Path) -> None:
    lines = some(400)
    lines[99], lines[299] = BACKSLASH, BACKSLASH.replace("he", "she")
    data = messages(tmp_path, lines)
    assert kept(data) == 398
    assert [source for source, _ in quarantine(data)] == ["rows.csv:101", "rows.csv:301"]
    assert "in line 301, which a quote that is opened here runs to" in quarantine(data)[0][1]
    assert "not closed" in quarantine(data)[1][1]
    told = data.metadata["account"]
    assert (told["units"], told["kept"], told["quarantined"], told["skipped"]) == (401, 398, 2, {"header": 1})


def test_a_cell_of_several_lines_is_one_row_and_its_lines_are_counted(tmp_path: Path) -> None:
    lines = some(60)
    lines[10] = 'ham,"one line\n\nand, a third one ""quoted"""'
    lines[20] = ""
    data = messages(tmp_path, lines)
    assert kept(data) == 59 and not quarantine(data)
    assert data.metadata["account"]["skipped"] == {"empty lines": 1, "header": 1, "more lines of a row": 2}
    assert any('and, a third one "quoted"' in text for split in SPLITS for text in data.column(split, "text").all())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_byte_order_mark_says_which_encoding_a_file_has(encoding: str, end: str, tmp_path: Path) -> None:
    content = tabular.text_of([*tabular.rows(60), ["1.5", "7", "größer", "4"]], end=end)
    marked = content if encoding in {"utf-16", "utf-32", "utf-8-sig"} else "\ufeff" + content
    data = tabular.prepared(tmp_path, marked.encode(encoding))
    assert kept(data) == 61
    found = [text for split in SPLITS for text in data.column(split, "categories").all()]
    assert "größer" in found and set(found) == {*tabular.COLORS, "größer"}


def test_a_file_that_breaks_off_in_utf_16_is_refused_with_its_line(tmp_path: Path) -> None:
    content = tabular.text_of(tabular.rows(60)).encode("utf-16")[:-1]
    with pytest.raises(DataError, match=r"rows\.csv: .*truncated data, from line 61 on"):
        tabular.prepared(tmp_path, content)


def test_line_ends_of_old_macs_are_refused_with_a_command_that_mends_them(tmp_path: Path) -> None:
    content = tabular.text_of(tabular.rows(60), end="\r")
    with pytest.raises(DataError, match="carriage returns") as refusal:
        tabular.prepared(tmp_path / "old", content)
    assert r"tr '\r' '\n' < rows.csv" in refusal.value.do
    assert kept(tabular.prepared(tmp_path / "new", content.replace("\r", "\n"))) == 60


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_the_first_line_says_what_stands_between_cells(separator: str, tmp_path: Path) -> None:
    assert kept(tabular.prepared(tmp_path, tabular.text_of(tabular.rows(60), separator))) == 60


def test_a_separator_of_two_signs_is_read_as_tsv_and_refused_as_csv(tmp_path: Path) -> None:
    content = tabular.text_of(tabular.rows(60), "::")
    assert kept(tabular.prepared(tmp_path, content, "rows.dat", format="tsv", separator="::")) == 60
    with pytest.raises(ValueError, match="write `format: tsv`"):
        tabular.section(separator="::")


def test_decimal_commas_are_named_as_the_reason_and_the_remedy_works(tmp_path: Path) -> None:
    cells = [[a.replace(".", ","), b, c, y.replace(".", ",")] for a, b, c, y in tabular.rows(60)]
    cells[3][0] = "1.234,5"
    (tmp_path / "rows.tsv").write_text(tabular.text_of(cells, "\t"))
    with pytest.raises(DataError, match=r"no two different numbers.* 120 cells hold no number") as refusal:
        observe(tmp_path, "regression", tabular.section(format="tsv"))
    assert "rows.tsv:2: not a number: '0,0000' in a" in refusal.value.got
    assert refusal.value.do.startswith('write `decimal: ","`')
    observed = observe(tmp_path, "regression", tabular.section(format="tsv", decimal=","))
    assert observed.numeric["a"].max > 1234  # type: ignore[attr-defined]
    for form, separator in (("tsv", "\t"), ("csv", ";")):
        content = tabular.text_of([*cells[:3], *cells[4:]], separator)
        data = tabular.prepared(tmp_path / form, content, f"rows.{form}", format=form, decimal=",", separator=separator)
        assert kept(data) == 59 and not quarantine(data)


def test_rows_with_a_separator_behind_them_are_named_as_the_reason_and_the_remedy_works(tmp_path: Path) -> None:
    content = tabular.text_of([[*row, ""] for row in tabular.rows(60)])
    (tmp_path / "rows.csv").write_text(content)
    for kind, target in (("regression", "number"), ("tabular_classification", "class")):
        with pytest.raises(DataError, match=r"60 rows could not be read \(60 ragged\)") as refusal:
            observe(tmp_path, kind, tabular.section(target))
        assert "rows.csv:2: ragged: 5 cells, expected 4 (those behind are empty)" in refusal.value.got
        assert r"sed 's/[,;]\r*$//'" in refusal.value.do
    assert kept(tabular.prepared(tmp_path / "mended", content.replace(",\n", "\n"))) == 60


def test_a_schema_from_rows_of_which_some_could_not_be_read_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.csv").write_text(tabular.text_of([*tabular.rows(60), ["1", "2"]]))
    observe(tmp_path, "regression", tabular.section())
    assert "1 rows could not be read (1 ragged), the first of them:\n  rows.csv:62: ragged" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv"])
def test_a_class_with_a_line_break_is_one_class_on_one_line(name: str, tmp_path: Path) -> None:
    cells = tabular.rows(90, "class")
    for row, cell in enumerate(cells):
        if cell[3] == "high":
            cell[3] = (
                ('"very\nhigh"', '"very  high"', "very high ")[row % 3] if name == "rows.csv" else "very\u2028high"
            )
    (tmp_path / name).write_text(tabular.text_of(cells, "," if name == "rows.csv" else "\t"), encoding="utf-8")
    params = tabular.section("class", format=name[-3:])
    observed = observe(tmp_path, "tabular_classification", params)
    assert observed.classes == ["low", "very high"]  # type: ignore[attr-defined]
    promised = observed.model_dump()
    data = columns.load(line.prepared(tmp_path / "line", tmp_path / name, params, promised))
    assert kept(data) == 90 and not quarantine(data)
    assert (data.assets / "labels.txt").read_text() == "low\nvery high\n"


def test_files_that_are_no_data_are_counted_by_their_suffix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "A.CSV").write_text(tabular.text_of(tabular.rows(60)))
    for other in ("notes.txt", "more.TXT", "LICENSE", "table.xlsx"):
        (folder / other).write_text("x")
    data = columns.load(line.prepared(tmp_path, folder, tabular.section(), tabular.schema()))
    assert data.metadata["account"]["other_files"] == {".txt": 2, ".xlsx": 1, "no suffix": 1}
    assert "4 files that are no data (2 .txt, 1 .xlsx, 1 no suffix)" in capsys.readouterr().out


def test_a_reader_that_loses_a_line_stops_the_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(part: Any, lines: Any) -> Any:
        yield from (row for row in rows(part, lines) if row.number != 30)

    rows = csv_format._rows
    monkeypatch.setattr(csv_format, "_rows", forgetful)
    with pytest.raises(StageError, match="401 lines in 1 files, and 400 of them accounted for"):
        messages(tmp_path, some(400))


def test_a_kind_that_loses_a_row_stops_the_stage() -> None:
    there, fewer = (Chunk({}, Places("rows.csv", np.arange(1, count + 1))) for count in (3, 2))
    account.require_all(there, there, [])
    account.require_all(there, fewer, [BadRow("rows.csv:3", "out of range: 7")])
    with pytest.raises(StageError, match=r"3 rows read and 2 of them accounted for, from rows\.csv:1 to rows\.csv:3"):
        account.require_all(there, fewer, [])


def test_equal_rows_of_a_table_are_kept_together_and_those_of_texts_dropped_and_neither_is_bad(tmp_path: Path) -> None:
    cells = tabular.rows(100)
    data = tabular.prepared(tmp_path / "table", tabular.text_of([*cells, *cells[:60]]), max_bad_fraction=0)
    assert kept(data) == 160 and not quarantine(data)
    assert data.metadata["account"]["repeated"] == 60
    own: dict[str, Counter[tuple[float, ...]]] = {
        split: Counter(map(tuple, data.column(split, "numbers").all().tolist())) for split in SPLITS
    }
    assert not set(own["train"]) & (set(own["test"]) | set(own["validation"]))
    assert 20 <= data.rows("test") <= 44
    lines = some(100)
    said = messages(tmp_path / "texts", [*lines, *lines[:60]], max_bad_fraction=0)
    assert kept(said) == 100 and Counter(reason.split(":")[0] for _, reason in quarantine(said)) == {"duplicate": 60}
    with pytest.raises(DataError, match=r"1 bad rows of 101 \(1 duplicate with another class\)"):
        messages(tmp_path / "torn", [*lines, lines[0].replace("spam", "ham")], max_bad_fraction=0)
