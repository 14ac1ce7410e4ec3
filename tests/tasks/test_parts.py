"""Parts of files read one by one are the files, and the quick way to read a table gives what the slow one does."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from tasks.core.errors import DataError
from tasks.core.params.data import Records, Tables
from tasks.data import text_lines
from tasks.data.formats import csv, json_lines, tsv
from tasks.data.formats import parquet as parquet_format
from tasks.data.records import Array, BadRow, Chunk
from tasks.data.schema import rows_of
from tasks.data.text_lines import FileChunk, lines_of
from tasks.data.text_records import tables
from tasks.kinds.regression.data import DATA, RegressionSchema
from tests.tasks.test_tables import settings

NUMBERS = (
    "", "NA", "nan", "NaN", "-nan", "+nan", "nan(1)", "None", "n/a", "N/A", "null ", "1", "+1", " 1", "1 ", "\t2",
    "007", "1_000", "1e400", "-1e39", "3.4e38", "inf", "-Infinity", "0x10", "1e-400", "\u0661", "5.", ".5", ".", "-",
    "1d5", "1e5", "1E+5", "0.1", "-0", "0.30000000000000004", "9007199254740993", "2\x0b",
    "1\x1f", "\xa03", "5e-324", "x",
)  # fmt: skip
WORDS = ("", " ", "a", " a ", "b\x1fc", "é", "\u3000d", "NA")
PLAIN = ("1", "2.5", "-3e2", "", "nan", "7")
ROLES: dict[str, Any] = {"numeric": ["one", "two"], "categorical": ["word"], "target": "goal"}


def table_settings(rows_of_a_shard: int = 1000, **changes: Any) -> Tables:
    return settings(**ROLES).model_copy(update={"shard_rows": rows_of_a_shard, **changes})


def schema() -> RegressionSchema:
    wide = {"min": -1e30, "max": 1e30}
    told = {"kind": "regression", "numeric": {"one": wide, "two": wide}, "categorical": ["word"], "target": wide}
    return RegressionSchema.model_validate(told)


def cleaned(chunks: list[Chunk], params: Tables) -> tuple[dict[str, list[Any]], list[str], list[BadRow]]:
    """The good rows as lists of bytes or texts, where they came from, and the bad rows."""
    values: dict[str, list[Any]] = {}
    sources, bad = list[str](), list[BadRow]()
    for chunk in chunks:
        good, wrong = DATA.good_rows(chunk, schema(), params)
        bad += wrong
        sources += good.sources.tolist()
        for name, column in good.columns.items():
            values.setdefault(name, []).extend(
                each.tobytes() if isinstance(each, np.ndarray) else each for each in column
            )
    return values, sources, bad


def outcome(read: Callable[[], list[Chunk]], params: Tables) -> Any:
    try:
        return cleaned(read(), params)
    except DataError as error:
        return str(error)


def slowly(part: FileChunk, params: Records) -> list[Chunk]:
    return list(tables(part, csv._rows(part, lines_of(part)), params))


def nasty(random: np.random.Generator, cells: tuple[str, ...]) -> bytes:
    """A table of numbers that are none, and now and then of lines that are none."""
    lines = []
    for _ in range(random.integers(1, 12)):
        cell = [str(random.choice(PLAIN if random.random() < 0.7 else cells)) for _ in range(3)]
        lines.append(",".join([cell[0], cell[1], str(random.choice(WORDS)), cell[2]]))
    if random.random() < 0.5:
        odd = [
            "",
            " ",
            "1,2",
            "1,2,a,3,4",
            '1,"2",a,3',
            '1,2,"a\nb",3',
            '1,2,a"b,3',
            "1,2\r,a,3",
            "1,\x002,a,3",
            "1,2,\udcff,3",
        ]
        lines.insert(int(random.integers(0, len(lines) + 1)), str(random.choice(odd)))
    ends = "\r\n" if random.random() < 0.3 else "\n"
    text = "one,two,word,goal" + ends + ends.join(lines) + (ends if random.random() < 0.7 else "")
    mark = b"\xef\xbb\xbf" if random.random() < 0.2 else b""
    return mark + text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("seed", range(40))
def test_the_quick_way_to_read_a_table_gives_what_the_slow_one_does(seed: int, tmp_path: Path) -> None:
    random, params, quick = np.random.default_rng(seed), table_settings(), 0
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "a.csv").write_bytes(nasty(random, NUMBERS))
        parts = list(csv.parts(folder, params))
        quick += any(csv.read(part, params) is not None for part in parts)
        found, expected = (
            outcome(lambda: [chunk for part in parts for chunk in read(part, params)], params)  # noqa: B023
            for read in (csv.chunks, slowly)
        )
        assert found == expected, (folder / "a.csv").read_bytes()
    assert quick


def test_numbers_that_are_all_fine_are_read_as_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("one,two,word,goal\n1,NA,a,5\n\n2.5,7,b,6")
    (chunk,) = rows_of(csv, tmp_path, table_settings())
    assert chunk.columns["one"].dtype == np.float64 and chunk.columns["one"].tolist() == [1, 2.5]
    assert np.isnan(chunk.columns["two"][0]) and chunk.columns["goal"].tolist() == ["5", "6"]
    assert chunk.sources.tolist() == ["a.csv:2", "a.csv:4"]


def quoted_table(random: np.random.Generator) -> str:
    cell = ["1", "a b", '"c,d"', '"e\nf"', '"g""h"', '""', '"\n\n"', ""]
    lines = [",".join(random.choice(cell, 3).tolist()) for _ in range(200)]
    if random.random() < 0.3:
        lines.insert(100, 'a "stray" one,2"," 3')
    return "x,y,z\n" + "\n".join(lines) + "\n"


def read_by_name(module: Any, folder: Path, params: Records, least: int) -> tuple[list[Any], list[BadRow], int]:
    """All rows with their places, those that could not be read, and in how many parts they came."""
    parts = list(module.parts(folder, params))
    chunks = [chunk for part in parts for chunk in module.chunks(part, params)]
    found = [
        (str(chunk.sources[row]), *(column[row] for column in chunk.columns.values()))
        for chunk in chunks
        for row in range(len(chunk))
    ]
    return found, [row for chunk in chunks for row in chunk.unreadable], len(parts)


def records(form: str, rows_of_a_shard: int) -> Records:
    told = {
        "format": form, "columns": {"x": "x", "y": "y"}, "header": True, "attributes": None, "max_bad_fraction": 0.0,
        "split": {"validation": 0.1, "test": 0.1, "seed": 0}, "shard_rows": rows_of_a_shard,
    }  # fmt: skip
    return Records.model_validate(told)


@pytest.mark.parametrize("seed", range(10))
def test_a_file_in_parts_has_the_rows_of_the_whole_with_their_line_numbers(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(seed)
    text = quoted_table(random)
    (tmp_path / "a.csv").write_text(text)
    (tmp_path / "a.tsv").write_text(text.replace(",", "\t"))
    (tmp_path / "a.jsonl").write_text("\n".join(f'{{"x": {n}, "y": "{n}"}}' for n in range(300)))
    for module, form in ((csv, "csv"), (tsv, "tsv"), (json_lines, "json_lines")):
        monkeypatch.setattr(text_lines, "MIN_BYTES", 1 << 16)
        whole = read_by_name(module, tmp_path, records(form, 10_000), 1)
        monkeypatch.setattr(text_lines, "MIN_BYTES", 16)
        parts = read_by_name(module, tmp_path, records(form, 7), 7)
        assert whole[:2] == parts[:2]
        assert whole[2] == 1 < parts[2]


def test_a_part_never_ends_between_quotes_and_after_a_stray_quote_there_are_no_more_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_lines, "MIN_BYTES", 8)
    path = tmp_path / "a.csv"
    path.write_text('1,a\n2,"b\nb\nb"\n3,c\n4,"d ""\n"\n5,e\n6,5" f\n7,g\n8,h\n')
    parts = list(text_lines.split_file(path, 0, 1, 1, quoted=","))
    content, ends = path.read_bytes(), [part.stop for part in parts]
    texts = [content[part.start : part.stop] for part in parts]
    assert b"".join(texts) == content and ends[-1] is None
    assert all(text.count(b'"') % 2 == 0 and text.endswith(b"\n") for text in texts[:-1])
    assert texts[-1].endswith(b'6,5" f\n7,g\n8,h\n')
    assert [part.first for part in parts] == [1 + content[: part.start].count(b"\n") for part in parts]
    assert len(parts) > 2 and all(one.stop == other.start for one, other in pairwise(parts))


def test_parquet_numbers_are_those_that_their_texts_would_be(tmp_path: Path) -> None:
    params = table_settings(3, format="parquet")
    floats = [0.1, None, float("nan"), -0.0, 1e300, 7.25, 3.0]
    for name, one in {
        "float64": pyarrow.array([0.1, None, float("nan"), -0.0, 5e-324, 7.25, 3.0], pyarrow.float64()),
        "float64 too large": pyarrow.array(floats, pyarrow.float64()),
        "float32": pyarrow.array([0.1, None, float("inf"), 2.5, 1, 2, 3], pyarrow.float32()),
        "int64": pyarrow.array([1, None, 9007199254740993, -5, 0, 2, 3], pyarrow.int64()),
        "text": pyarrow.array(["1", "", "x", " 2", "nan", "1e400", "3"]),
        "truth": pyarrow.array([True, None, False, True, True, True, True]),
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        table = pyarrow.table({"one": one, "two": [1] * 7, "word": list("abcdefg"), "goal": [1.5] * 7})
        parquet.write_table(table, folder / "a.parquet", row_group_size=4)
        texts = pyarrow.compute.fill_null(table.column("one").cast(pyarrow.string()), "").to_pylist()
        lines = [f"{text},1,{word},1.5" for text, word in zip(texts, "abcdefg", strict=True)]
        (folder / "a.csv").write_text("\n".join(["one,two,word,goal", *lines]))
        quick = cleaned(list(rows_of(parquet_format, folder, params)), params)
        slow = cleaned(slowly(FileChunk(folder / "a.csv"), params), params)
        assert quick[0] == slow[0], name
        assert [row.reason for row in quick[2]] == [row.reason for row in slow[2]], name
        assert quick[1] == [f"a.parquet:{int(source.split(':')[1]) - 1}" for source in slow[1]]


def test_the_numbers_of_texts_are_those_that_python_reads() -> None:
    random = np.random.default_rng(0)
    from tasks.data.tables import number, numbers_of

    for _ in range(300):
        cells: Array = random.choice(np.array(NUMBERS, object), random.integers(1, 5))
        found, wrong = numbers_of(cells)
        for row, text in enumerate(cells.tolist()):
            try:
                expected = number(text)
            except ValueError as error:
                assert wrong[row] == str(error)
                continue
            assert row not in wrong
            assert found[row] == expected or (expected is None and np.isnan(found[row]))
