"""Columns beside the data: every row that is kept has one line, or it is told which has not."""

from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import DataError
from tasks.data import columns, shards
from tests.tasks import line

SOURCES = np.array(["a.csv:1", "a.csv:2"])


def written(folder: Path, text: str) -> Path:
    (folder / "rows.csv").write_text(text)
    return folder / "rows.csv"


def test_numbers_are_numbers_and_all_else_is_text_in_the_order_of_the_rows(tmp_path: Path) -> None:
    path = written(tmp_path, 'source,ink,writer,gap\na.csv:2,2.5,"b, c",nan\na.csv:9,1,x,1\na.csv:1,1,a,2\n')
    got = shards.read(path, SOURCES)
    assert got["ink"].dtype == np.float64 and got["ink"].tolist() == [1.0, 2.5]
    assert got["writer"].tolist() == ["a", "b, c"] and got["gap"].tolist() == ["2", "nan"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the header ''"),
        ("writer,source\na,a.csv:1\n", "the header 'writer,source'"),
        ("source,label\na.csv:1,3\n", "the header 'source,label'"),
        ("source,ink,ink\na.csv:1,3,4\n", "the header"),
        ("source,ink\na.csv:1,3\na.csv:1,4\n", "1 lines for a source that has one"),
        ("source,ink\na.csv:1,3\n", "no line for a.csv:2"),
        ("source,ink\na.csv:1,3\na.csv:2\n", "other than 2 cells in line 3"),
        ('source,ink\na.csv:1,"3\n', "rows.csv: "),
    ],
)
def test_a_damaged_file_is_refused(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        shards.read(written(tmp_path, text), SOURCES)
    assert told in str(error.value)


def test_a_missing_or_wrongly_encoded_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.csv"):
        shards.read(tmp_path / "rows.csv", SOURCES)
    (tmp_path / "rows.csv").write_bytes(b"source,writer\na.csv:1,\xff\n")
    with pytest.raises(DataError, match="UTF-8"):
        shards.read(tmp_path / "rows.csv", SOURCES)


def test_the_columns_travel_with_their_rows_through_cleaning_and_splitting(tmp_path: Path) -> None:
    lines = line.digits(0, 100)
    folder = line.csv_of(tmp_path / "in", [*lines, lines[0]]).parent  # the last is a copy
    rows = [f"rows.csv:{number},{number}" for number in range(1, 102)]
    (folder / "beside.csv").write_text("\n".join(["source,number", *rows]) + "\n")
    ready = line.prepared(tmp_path, folder, line.section(attributes="beside.csv", max_bad_fraction=0.1))
    data = columns.load(ready)
    assert data.attributes == ["number"]
    for split in ("train", "validation", "test"):
        number, row = data.column(split, "number").all(), data.column(split, "row").all()
        assert (number == row + 1).all() and len(number)
