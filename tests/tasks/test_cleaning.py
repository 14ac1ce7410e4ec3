"""Rows that break the promise of the schema are left out, and named with their reason and place."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import DataError
from tasks.core.files import read_json
from tasks.data import columns
from tests.tasks import line

GOOD = line.digits(0, 120)


def with_cells(row: str, cells: dict[int, str]) -> str:
    values = row.split(",")
    for place, value in cells.items():
        values[place] = value
    return ",".join(values)


def relabelled(row: str, label: str) -> str:
    return row.rpartition(",")[0] + "," + label


BAD = {
    "a cell that is NaN": (with_cells(GOOD[1], {20: "nan"}), "NaN"),
    "a cell of text": (with_cells(GOOD[1], {20: "x"}), "unreadable: could not convert string to float: 'x'"),
    "an empty cell": (with_cells(GOOD[1], {20: ""}), "unreadable: could not convert string to float: ''"),
    "a missing column": (GOOD[1].partition(",")[2], "missing column: 63 pixels and a label, expected 64"),
    "a column too many": ("0," + GOOD[1], "missing column: 65 pixels and a label, expected 64"),
    "a value above the range": (with_cells(GOOD[1], {20: "17"}), "out of range: 0 to 17"),
    "a value below the range": (with_cells(GOOD[1], {20: "-1"}), "out of range: -1 to 16"),
    "an infinite value": (with_cells(GOOD[1], {20: "inf"}), "out of range: 0 to inf"),
    "nothing but one value": (",".join(["5"] * 64) + ",1", "empty: all pixels are equal"),
    "a class that is unknown": (relabelled(GOOD[1], "12"), "unknown class: '12'"),
    "a copy": (GOOD[0], "duplicate: of rows.csv:1"),
    "a copy with another label": (relabelled(GOOD[0], "9"), "duplicate with another class: of rows.csv:1"),
    "an empty line": ("", "missing column: 0 pixels and a label, expected 64"),
}


def quarantine(ready: Path) -> list[tuple[str, str]]:
    with (ready / "quarantine.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["source", "reason"]
    return [(source, reason) for source, reason in rows]


@pytest.mark.parametrize("kind", sorted(BAD))
def test_a_bad_row_is_quarantined_with_its_reason_and_place(kind: str, tmp_path: Path) -> None:
    row, reason = BAD[kind]
    lines = [GOOD[0], *GOOD[2:60], row, *GOOD[60:]]
    # Two blocks of reading: the place counts over the file, not over the block.
    ready = line.prepared(tmp_path, line.csv_of(tmp_path, lines), line.section(shard_rows=50))
    assert quarantine(ready) == [("rows.csv:60", reason)]
    metadata = read_json(ready / "dataset.json")
    assert metadata["quarantined"] == {reason.split(":")[0]: 1}
    data = columns.load(ready)
    assert sum(data.rows(split) for split in ("train", "validation", "test")) == len(lines) - 1


def test_a_table_without_faults_leaves_an_empty_quarantine(tmp_path: Path) -> None:
    ready = line.prepared(tmp_path, line.csv_of(tmp_path, GOOD), line.section())
    assert quarantine(ready) == [] and read_json(ready / "dataset.json")["quarantined"] == {}


def test_a_gzipped_table_gives_the_same_columns(tmp_path: Path) -> None:
    plain = line.prepared(tmp_path / "plain", line.csv_of(tmp_path / "plain", GOOD), line.section())
    (tmp_path / "zipped").mkdir()
    source = tmp_path / "zipped/rows.csv.gz"
    source.write_bytes(gzip.compress(("\n".join(GOOD) + "\n").encode()))
    zipped = line.prepared(tmp_path / "zipped", source, line.section())
    first, second = line.tree(plain), line.tree(zipped)
    same = [name for name in first if name.endswith(".npy") and "row_source" not in name]  # which names the file
    assert len(same) > 3 and {name: first[name] for name in same} == {name: second[name] for name in same}


@pytest.mark.parametrize(("written", "meant"), [("3", "3"), ("3.0", "3"), ("3.000e+00", "3"), (" 3", "3")])
def test_a_label_is_one_class_however_its_number_is_written(written: str, meant: str, tmp_path: Path) -> None:
    lines = [relabelled(row, written) if row.endswith(",3") else row for row in GOOD]
    ready = line.prepared(tmp_path, line.csv_of(tmp_path, lines), line.section())
    assert quarantine(ready) == []
    expected = sum(row.endswith(f",{meant}") for row in GOOD)
    data = columns.load(ready)
    labels = [data.column(split, "label").all() for split in ("train", "validation", "test")]
    assert int((np.concatenate(labels) == 3).sum()) == expected


def test_too_many_bad_rows_stop_the_stage_and_leave_the_last_columns(folder: Path) -> None:
    assert line.run_all(folder, ["ingest@target", "preprocess@target"])
    before = line.tree(folder / "data/ready")
    bad = [with_cells(row, {3: "nan"}) for row in line.digits(700, 712)]
    with (folder / "incoming/target.csv").open("a") as file:
        file.write("\n".join([*bad, *line.digits(600, 605), line.digits(300, 301)[0]]) + "\n")
    params = line.tiny_params()
    params["preprocess"]["target"]["max_bad_fraction"] = 0.03
    line.write_params(folder, params)
    line.run_all(folder, ["ingest@target"])
    done = line.run(folder, "preprocess@target")
    assert done.returncode == 65
    assert "12 bad rows of 318 (12 NaN)" in done.stdout
    assert [f"target.csv:{number}: NaN" in done.stdout for number in range(301, 313)] == [True] * 10 + [False] * 2
    assert "at most 3.00% bad rows" in done.stdout
    assert line.tree(folder / "data/ready") == before


@pytest.mark.parametrize(("fraction", "stops"), [(0.1, False), (0.099, True)])
def test_the_bound_on_bad_rows_is_inclusive(fraction: float, stops: bool, tmp_path: Path) -> None:
    rows = [*GOOD[:90], *(with_cells(row, {0: "nan"}) for row in GOOD[90:100])]
    source, params = line.csv_of(tmp_path, rows), line.section(max_bad_fraction=fraction)
    if not stops:
        assert len(quarantine(line.prepared(tmp_path, source, params))) == 10
        return
    with pytest.raises(DataError, match="10 bad rows of 100"):
        line.prepared(tmp_path, source, params)


def test_a_class_of_the_promise_without_rows_is_refused(tmp_path: Path) -> None:
    source = line.csv_of(tmp_path, [row for row in GOOD if not row.endswith(",4")])
    with pytest.raises(DataError, match=r"no training rows of class \['4'\]"):
        line.prepared(tmp_path, source, line.section())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no row in"),
        (b"\xff\x01\x00" * 50, "rows.csv:1: the byte 0xff"),
        ("\n".join(row.replace(",", ";") for row in GOOD).encode(), "bad rows"),
        ("\n".join(row.partition(",")[2] for row in GOOD).encode(), "63 pixels and a label"),
    ],
    ids=["empty", "binary", "semicolons", "not square"],
)
def test_a_table_of_another_form_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        line.prepared(tmp_path, tmp_path / "rows.csv", line.section())
    assert said in caught.value.got


@pytest.mark.parametrize("damage", ["cut", "rotten", "plain text"])
def test_a_damaged_gzip_is_refused(damage: str, tmp_path: Path) -> None:
    content = bytearray(gzip.compress("\n".join(GOOD).encode()))
    if damage == "rotten":
        content[200:240] = bytes(40)
    plain = "\n".join(GOOD).encode()
    damaged = {"cut": bytes(content[:500]), "rotten": bytes(content), "plain text": plain}
    (tmp_path / "rows.csv.gz").write_bytes(damaged[damage])
    with pytest.raises(DataError) as caught:
        line.prepared(tmp_path, tmp_path / "rows.csv.gz", line.section())
    assert caught.value.got.startswith("rows.csv.gz: ")


def test_a_folder_without_a_table_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"no CSV file among \['notes.txt'\]"):
        line.prepared(tmp_path, tmp_path / "notes.txt", line.section())


def test_a_schema_that_is_missing_or_damaged_is_refused_with_the_command_that_writes_one(folder: Path) -> None:
    line.run_all(folder, ["ingest@target"])
    for content in ("{", json.dumps(line.SCHEMA | {"width": 8}), None):
        path = folder / "schemas/target.json"
        path.write_text(content) if content else path.unlink()
        done = line.run(folder, "preprocess@target")
        assert done.returncode == 65, done.stdout
        assert "trimline schema target" in done.stdout


@pytest.mark.parametrize("promise", [{"dtype": "uint8"}, {"kind": "text_classification"}])
def test_data_of_another_dtype_or_kind_than_promised_are_refused(promise: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(DataError):
        line.prepared(tmp_path, line.csv_of(tmp_path, GOOD), line.section(), line.SCHEMA | promise)
