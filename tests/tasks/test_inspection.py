"""Files of unknown origin are read as they were meant: encodings, separators, headers, numbers, folders."""

from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tasks.core.errors import DataError
from tasks.data.inspection.column_profile import profile
from tasks.data.inspection.dialect import Dialect, dialect_of, rows_of
from tasks.data.inspection.files import found_at, split_of
from tasks.data.inspection.pictures import Pictures, pictures_in, places_of
from tasks.data.inspection.tables import tables_in

ROWS = "name;height;city\n" + "".join(f"p{n};1,{n:02d};Köln\n" for n in range(30))


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"), ("utf-32", "utf-32"), ("cp1252", "cp1252"),
    ],
)  # fmt: skip
def test_every_encoding_gives_the_same_rows(tmp_path: Path, encoding: str, found: str) -> None:
    path = written(tmp_path, "people.csv", ROWS.encode(encoding))
    dialect = dialect_of(path)
    rows = list(rows_of(path, dialect))
    assert (dialect.encoding, dialect.certain) == (found, encoding != "cp1252")
    assert rows[0] == ["name", "height", "city"] and rows[-1] == ["p29", "1,29", "Köln"] and len(rows) == 31


@pytest.mark.parametrize(
    ("name", "content", "separator", "quoted", "header"),
    [
        ("a.csv", "a,b\n1,2\n3,4\n", ",", True, True),
        ("a.csv", "1,2\n3,4\n5,6\n", ",", True, False),
        ("a.csv", "a;b\n1,5;2\n3,5;4\n", ";", True, True),
        ("a.txt", "a|b|c\n1|2|3\n4|5|6\n", "|", True, True),
        ("a.csv", 'text,label\n"one, two\nthree",x\n"four ""five""",y\nsix,x\nseven,y\n', ",", True, True),
        ("a.tsv", 'ham\tI said "no\nspam\t"Free\nham\tso\nspam\t"win" it\n', "\t", False, False),
        ("a.tsv", '"a"\t"b"\n"1"\t"2"\n"3"\t"4"\n', "\t", True, True),
        ("a.txt", "1.0  2.0   a\n3.0  4.5   b\n10.0 2.25  a\n", " ", False, False),
        ("a.csv", "0,1,2\n0.5,1.5,x\n2.5,3.5,y\n", ",", True, True),
        ("a.csv", "sentence,sentiment\nso good,pos\nso bad,neg\nfine,pos\nawful,neg\n", ",", True, True),
        ("a.csv", "ham,hello there\nspam,buy now\nham,see you\nspam,win big\n", ",", True, False),
    ],
)  # fmt: skip
def test_separator_quotes_and_header_are_told(
    tmp_path: Path, name: str, content: str, separator: str, quoted: bool, header: bool
) -> None:
    dialect = dialect_of(written(tmp_path, name, content.encode()))
    assert (dialect.separator, dialect.quoted, dialect.header) == (separator, quoted, header)


def test_a_line_break_in_quotes_is_no_row(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", b'text,label\n"one\ntwo",x\n"three\r\nfour",y\nfive,x\n')
    assert [len(row) for row in rows_of(path, dialect_of(path))] == [2, 2, 2, 2]


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no text"):
        dialect_of(written(tmp_path, "a.csv", b"\n\n"))


def test_a_wrong_encoding_is_named_with_the_option(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", ROWS.encode("cp1252"))
    with pytest.raises(DataError, match="--encoding"):
        dialect_of(path, "utf-8")
    assert dialect_of(path, "latin-1") == Dialect("latin-1", ";", True, True)


@pytest.mark.parametrize(
    ("cells", "holds", "written_as", "blanks", "numbers"),
    [
        (["1", "2.5", "", "NA", "-3e2"], "number", "plain", 2, [-300.0, 1.0, 2.5]),
        (["1,5", "2", "1.234,5"], "number", "comma", 0, [1.5, 2.0, 1234.5]),
        (["$1,200", "$15", "$7.50"], "number", "dressed", 0, [7.5, 15.0, 1200.0]),
        (["12 %", "7.5 %"], "number", "dressed", 0, [7.5, 12.0]),
        (["2020-01-31", "2021-12-01 10:30", "2019-05-05"], "date", "plain", 0, []),
        (["31.12.2020", "1.1.2021"], "date", "plain", 0, []),
        (["red", "green", ""], "text", "plain", 1, []),
        (["", "null"], "nothing", "plain", 2, []),
    ],
)
def test_what_a_column_holds(cells: list[str], holds: str, written_as: str, blanks: int, numbers: list[float]) -> None:
    column = profile("c", 0, cells)
    assert (column.holds, column.written, column.blanks) == (holds, written_as, blanks)
    assert column.numbers() == numbers or holds != "number"


def test_what_stands_for_no_value_is_no_text() -> None:
    column = profile("horsepower", 0, [*map(str, range(100)), "--", "?"])
    assert (column.holds, column.placeholders, column.blanks) == ("number", {"--": 1}, 2)


def test_a_comma_before_three_digits_is_read_by_what_parts_the_cells() -> None:
    cells = ["1,234", "2,500", "7,125"]
    assert profile("c", 0, cells, commas=True).numbers() == [1.234, 2.5, 7.125]
    assert profile("c", 0, cells).numbers() == [1234.0, 2500.0, 7125.0]


def test_files_with_the_same_columns_are_one_table_and_their_names_say_the_split(tmp_path: Path) -> None:
    written(tmp_path, "my_train.csv", b"a,b\n1,x\n2,y\n3,x\n")
    written(tmp_path, "my_test.csv", b"a,b\n4,x\n")
    written(tmp_path, "cities.csv", b"id,city\n1,x\n")
    with found_at(tmp_path) as files:
        first, second = tables_in(files)
    assert (first.rows, first.splits, [column.name for column in first.columns]) == (4, {"train", "test"}, ["a", "b"])
    assert [str(file.path) for file in second.files] == ["cities.csv"]


def test_rows_of_another_length_are_counted(tmp_path: Path) -> None:
    written(tmp_path, "a.csv", b"a,b\n1,x\n2,y,z\n3\n4,x\n")
    with found_at(tmp_path / "a.csv") as files:
        (table,) = tables_in(files)
    assert (table.rows, table.ragged, table.said()) == (4, 2, "4 rows, 2 columns, 2 rows of another length")


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train.csv", "train"), ("Test/cat/1.jpg", "test"), ("data/VAL/cat/1.jpg", "validation"),
        ("sms_dev.csv", "validation"), ("latest.csv", None), ("training-set.csv", "train"), ("cat/1.jpg", None),
    ],
)  # fmt: skip
def test_names_of_splits(path: str, split: str | None) -> None:
    assert split_of(Path(path)) == split


def picture(path: Path, seed: int, size: tuple[int, int] = (60, 80), orientation: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)


def looked_at(folder: Path) -> Pictures:
    with found_at(folder) as files:
        return pictures_in(files)


def test_pictures_are_counted_with_all_that_is_amiss(tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / f"top/cat/{number}.jpg", number, orientation=6 if number < 2 else 1)
        picture(tmp_path / f"top/dog/{number}.JPG", number + 10, (40, 40) if number else (60, 80))
    written(tmp_path, "top/dog/broken.jpg", (tmp_path / "top/dog/3.JPG").read_bytes()[:800])
    written(tmp_path, "top/dog/copy.jpg", (tmp_path / "top/dog/3.JPG").read_bytes())
    written(tmp_path, "top/cat/camera.cr2", b"raw")
    pillow_heif.from_pillow(Image.new("RGB", (40, 40))).save(tmp_path / "top/cat/phone.heic", format="HEIF")
    found = looked_at(tmp_path)
    assert found.said() == [
        "14 pictures in 2 classes, 2 sizes, 1 unreadable, 2 turned by EXIF, 1 HEIC, 1 CR2, 1 copies of another file",
        "classes: cat 7, dog 7",
    ]
    assert [path.name for path in found.unreadable] == ["broken.jpg"]


def test_splits_and_classes_are_told_apart_at_any_case_below_a_top_folder() -> None:
    paths = [Path(f"set/{split}/{name}/1.jpg") for split in ("Train", "val", "TEST") for name in ("cat", "dog")]
    placed, stray = places_of(paths)
    assert {(place.name, place.split) for place in placed} == {
        (name, split) for name in ("cat", "dog") for split in ("train", "validation", "test")
    }
    assert stray == []


def test_a_single_class_is_not_taken_for_the_top_folder() -> None:
    placed, _ = places_of([Path("cat/1.jpg"), Path("cat/2.jpg")])
    assert {place.name for place in placed} == {"cat"}


def test_folders_of_folders_have_two_readings_and_an_option() -> None:
    paths = [Path("dress/red/1.jpg"), Path("dress/blue/2.jpg"), Path("hat/3.jpg")]
    with pytest.raises(DataError, match="--class-folder first"):
        places_of(paths)
    assert [place.name for place in places_of(paths, "first")[0]] == ["dress", "dress", "hat"]
    assert [place.name for place in places_of(paths, "last")[0]] == ["red", "blue", "hat"]
