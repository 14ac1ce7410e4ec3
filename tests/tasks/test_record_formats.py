"""Files of records, good and bad, as chunks of text by role."""

import csv
import gzip
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from tasks.core.errors import DataError
from tasks.core.params.data import Records
from tasks.data.records import Chunk
from tasks.data.schema import rows_of

TEXT = 'age,comment\n41,"a, ""b""\nc"\n,\n52,plain\n'
NAMES = {"age": "age", "said": "comment"}


def settings(columns: dict[str, Any], *, header: bool = True, shard_rows: int = 2, form: str = "csv") -> Records:
    return Records.model_validate(
        {
            "format": form,
            "columns": columns,
            "header": header,
            "split": {"validation": 0.1, "test": 0.1, "seed": 0},
            "attributes": None,
            "max_bad_fraction": 0.0,
            "shard_rows": shard_rows,
        }
    )


def read(folder: Path, form: str = "csv", **options: Any) -> list[Chunk]:
    params = settings(options.pop("columns", NAMES), form=form, **options)
    return list(rows_of(import_module(f"tasks.data.formats.{form}"), folder, params))


def rows(chunks: list[Chunk]) -> list[tuple[str, ...]]:
    return [
        (str(chunk.sources[index]), *(str(column[index]) for column in chunk.columns.values()))
        for chunk in chunks
        for index in range(len(chunk))
    ]


def bad(chunks: list[Chunk]) -> list[tuple[str, str]]:
    return [(row.source, row.reason) for chunk in chunks for row in chunk.unreadable]


def test_a_csv_file_is_read_in_blocks_with_true_line_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TEXT)
    chunks = read(tmp_path)
    assert rows(chunks) == [("a.csv:2", "41", 'a, "b"\nc'), ("a.csv:4", "", ""), ("a.csv:5", "52", "plain")]
    assert [len(chunk) for chunk in chunks] == [2, 1]
    assert all(column.dtype == object for chunk in chunks for column in chunk.columns.values())


def test_a_gzipped_file_with_a_byte_order_mark_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()))
    assert [row[1] for row in rows(read(tmp_path))] == ["41", "", "52"]


def test_columns_without_a_header_are_numbered_and_quotes_in_tsv_are_letters(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text('ham\tsay "hello\nspam\t"win\n')
    chunks = read(tmp_path, "tsv", columns={"said": 1, "label": 0}, header=False)
    assert rows(chunks) == [("train.tsv:1", 'say "hello', "ham"), ("train.tsv:2", '"win', "spam")]
    assert chunks[0].given == "train"


def test_all_formats_give_the_same_texts(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("age,comment\n1.5,yes\n,no\n")
    (tmp_path / "a.tsv").write_text("comment\tage\nyes\t1.5\nno\t\n")
    (tmp_path / "a.jsonl").write_text('{"age": 1.5, "comment": "yes"}\n\n{"age": null, "comment": "no"}\n')
    table = pyarrow.table({"age": pyarrow.array([1.5, None], pyarrow.float32()), "comment": ["yes", "no"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    for form in ("csv", "tsv", "json_lines", "parquet"):
        assert [row[1:] for row in rows(read(tmp_path, form))] == [("1.5", "yes"), ("", "no")], form


def test_ragged_rows_and_broken_lines_are_named_and_the_others_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('age,comment\n1,a\n2\n3,b,c\n4,"d"e\n5,f\n')
    chunks = read(tmp_path)
    assert [row[1] for row in rows(chunks)] == ["1", "5"]
    assert [source for source, _ in bad(chunks)] == ["a.csv:3", "a.csv:4", "a.csv:5"]
    assert bad(chunks)[0][1] == "ragged: 1 cells, expected 2"


def test_a_quote_that_is_never_closed_costs_its_line_however_much_follows(tmp_path: Path) -> None:
    csv.field_size_limit(1 << 24)  # as what looks at a file before it is a line sets it
    (tmp_path / "a.csv").write_bytes(b'age,comment\n1,a\n2,"b\n' + b"3,c\n" * 50_000)
    chunks = read(tmp_path, shard_rows=20_000)
    assert [source for source, _ in bad(chunks)] == ["a.csv:3"]
    assert "not closed within 131,072 characters" in bad(chunks)[0][1]
    assert sum(map(len, chunks)) == 50_001


def test_broken_json_lines_are_named_and_the_others_read(tmp_path: Path) -> None:
    lines = ['{"age": 1, "comment": true}', '{"age": 1', "[1]", '{"age": {}, "comment": ""}', '{"comment": "\\ud800"}']
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, "[" * 100_000]))
    chunks = read(tmp_path, "json_lines")
    assert rows(chunks) == [("a.jsonl:1", "1", "true")]
    assert sorted(source for source, _ in bad(chunks)) == [f"a.jsonl:{number}" for number in range(2, 7)]


@pytest.mark.parametrize(
    ("name", "content", "form", "said"),
    [
        ("a.csv", b'age,"comment\n1,a\n2,b\n3,c\n', "csv", "a.csv:1: unreadable: a quote that is opened here"),
        ("a.csv", "age,comment\n1,a\n2,für\n".encode("latin-1"), "csv", "a.csv:3: the byte 0xfc"),
        ("a.csv", "age,comment\n1,a\n".encode("utf-16")[:-1], "csv", "a.csv: 'utf-16"),
        ("a.csv", b"age,remark\n1,a\n", "csv", "no column 'comment'; it has age, remark"),
        ("a.csv", b"age,comment,comment\n1,a,b\n", "csv", "two columns of the name 'comment'"),
        ("a.csv.gz", gzip.compress(TEXT.encode() * 999)[:-9], "csv", "a.csv.gz: "),
        ("a.csv.gz", TEXT.encode(), "csv", "a.csv.gz: Not a gzipped file"),
        ("a.jsonl", b'{"age": 1}\n', "json_lines", "no column 'comment'; it has age"),
        ("a.parquet", b"age,comment\n", "parquet", "a.parquet: "),
        ("a.xls", b"age,comment\n", "csv", "no .csv or .txt or .dat or .data file among ['a.xls']"),
    ],
)
def test_a_file_that_cannot_be_read_on_is_refused_with_its_line(
    tmp_path: Path, name: str, content: bytes, form: str, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as refusal:
        read(tmp_path, form)
    assert said in refusal.value.got


def test_lists_in_a_parquet_file_are_refused(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"age": [[1]], "comment": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column 'age' of list"):
        read(tmp_path, "parquet")


def test_names_need_a_header() -> None:
    with pytest.raises(ValueError, match="number them"):
        settings(NAMES, header=False)
