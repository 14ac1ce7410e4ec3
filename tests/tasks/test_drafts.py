"""A draft of a line is found for the data of strangers, or refused with the two readings and the option to give."""

import csv
import json
import random
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet
from ruamel.yaml import YAML

from tasks.commands.new import new_files
from tasks.core.errors import DataError, ParamsError
from tasks.core.params import Settings
from tasks.line import params_file
from tasks.line.drafts.choices import Choices
from tests.tasks.test_inspection import picture

CHANCE = random.Random(0)
WORDS = ("sun", "rain", "wind", "storm", "cloud", "river", "stone", "tree", "bird", "fish", "house", "road", "light")
Cells = Sequence[object]


def table(path: Path, header: Cells, rows: Sequence[Cells], **dialect: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = dialect.pop("encoding", "utf-8")
    with path.open("w", encoding=encoding, newline="") as text:
        writer = csv.writer(text, **dialect)
        writer.writerows([header, *rows] if header else rows)
    return path


def sentence(words: int = 6) -> str:
    return " ".join(CHANCE.choices(WORDS, k=words)) + f" {CHANCE.randrange(10**6)}"


def number() -> str:
    return f"{CHANCE.uniform(0, 10):.3f}"


def drafted(data: Path, folder: Path, **options: str) -> Settings:
    """Write the first files of a line, and read `params.yaml` as YAML has it; it is short, and valid."""
    folder.mkdir(parents=True)
    new_files(data, folder, "mine", Choices({name.replace("_", "-"): value for name, value in options.items()}))
    path = folder / "params.yaml"
    params_file.load(path)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 45
    found: Settings = YAML(typ="safe").load(path)
    assert "base" not in found["ingest"] and found["train"]["data"] == "target"  # type: ignore[index, operator, call-overload]
    if found["kind"] == "text_classification" and "architecture" not in found["train"]:  # type: ignore[operator]
        assert section(found)["tokenizer"] == {"vocabulary": 8000, "lowercase": True}
    return found


def section(params: Settings) -> Any:
    return params["preprocess"]["target"]  # type: ignore[index, call-overload]


def roles(params: Settings) -> tuple[Any, ...]:
    rows = section(params)
    return params["kind"], rows["target"], rows.get("numeric", []), rows.get("categorical", [])


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("target", ["a", "b", "c"], "tabular_classification"),
        ("label", ["0", "1"], "tabular_classification"),
        ("class", ["0", "1", "2"], "tabular_classification"),
        ("y", ["yes", "no"], "tabular_classification"),
        ("Price", ["12.5", "13.25", "17.75"], "regression"),
        ("SalePrice", [str(number) for number in range(100, 160)], "regression"),
        ("anything", ["3.5", "4.25", "5.125"], "regression"),
        ("anything", ["red", "blue"], "tabular_classification"),
        ("quality", ["3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"], "regression"),
    ],
)
def test_the_target_is_found_by_its_name_or_stands_last(
    tmp_path: Path, name: str, values: list[str], kind: str
) -> None:
    rows = [(number(), CHANCE.choice("xyz"), CHANCE.choice(values)) for _ in range(120)]
    params = drafted(table(tmp_path / "t.csv", ("width", "colour", name), rows), tmp_path / "line")
    assert roles(params)[0] == kind and section(params)["columns"][roles(params)[1]] == name
    assert (roles(params)[2:]) == (["width"], ["colour"])


def test_a_named_target_counts_wherever_it_stands(tmp_path: Path) -> None:
    rows = [(CHANCE.choice("ab"), number(), number()) for _ in range(80)]
    assert (
        roles(drafted(table(tmp_path / "t.csv", ("species", "length", "depth"), rows), tmp_path / "line"))[1]
        == "species"
    )


def test_names_of_people_make_no_text_classification_of_a_table(tmp_path: Path) -> None:
    rows = [(f"{sentence(2)}, Mr.", number(), number(), CHANCE.choice("mf"), CHANCE.choice("01")) for _ in range(120)]
    params = drafted(table(tmp_path / "t.csv", ("Name", "Age", "Fare", "Sex", "Survived"), rows), tmp_path / "line")
    assert roles(params) == ("tabular_classification", "survived", ["age", "fare"], ["sex"])


@pytest.mark.parametrize(
    ("header", "role"), [(("patient_id", "dose", "response"), "group"), (("date", "dose", "response"), "time")]
)
def test_a_column_that_says_who_or_when_divides_the_rows(tmp_path: Path, header: Cells, role: str) -> None:
    first = [f"p{row % 20}" if role == "group" else f"{row % 28 + 1:02d}.03.2021" for row in range(200)]
    rows = [(cell, number(), number()) for cell in first]
    params = section(drafted(table(tmp_path / "t.csv", header, rows), tmp_path / "line"))
    assert (params["split"][role], params["columns"][role]) == (role, header[0])
    assert params["numeric"] == ["dose"] and params["categorical"] == []
    assert "group" not in section(drafted(tmp_path / "t.csv", tmp_path / "none", group="none", time="none"))["split"]


def test_two_targets_are_refused_with_both_options(tmp_path: Path) -> None:
    rows = [(number(), number(), number()) for _ in range(80)]
    data = table(tmp_path / "t.csv", ("width", "price", "value"), rows)
    with pytest.raises(DataError, match=r"--target value or --target price"):
        drafted(data, tmp_path / "line")
    assert roles(drafted(data, tmp_path / "other", target="price"))[1] == "price"


def test_few_whole_numbers_are_a_number_or_a_class_and_the_user_says_which(tmp_path: Path) -> None:
    rows = [(number(), number(), CHANCE.randrange(3, 9)) for _ in range(200)]
    data = table(tmp_path / "t.csv", ("acid", "sugar", "quality"), rows)
    with pytest.raises(DataError, match=r"--kind regression or --kind tabular_classification"):
        drafted(data, tmp_path / "line")
    for kind in ("regression", "tabular_classification"):
        assert drafted(data, tmp_path / kind, kind=kind)["kind"] == kind


def test_ids_constants_dates_and_free_texts_are_left_out(tmp_path: Path) -> None:
    rows = [
        (index, f"Mr {sentence(2)}", number(), "one", f"2020-01-{index % 28 + 1:02d}", f"u{index}", CHANCE.choice("ab"))
        for index in range(100)
    ]
    header = ("Unnamed: 0", "Full Name", "Größe in m", "always", "born", "user_id", "label")
    params = drafted(table(tmp_path / "t.csv", header, rows), tmp_path / "line")
    assert roles(params) == ("tabular_classification", "label", ["grosse_in_m"], [])
    assert section(params)["columns"]["grosse_in_m"] == "Größe in m"


def test_semicolons_decimal_commas_and_cp1252_are_read(tmp_path: Path) -> None:
    rows = [(f"{index},25", CHANCE.choice(["Köln", "Bonn"]), f"1.{100 + index},5") for index in range(90)]
    data = table(tmp_path / "t.csv", ("größe", "stadt", "preis_price"), rows, delimiter=";", encoding="cp1252")
    params = drafted(data, tmp_path / "line")
    assert roles(params) == ("regression", "preis_price", ["grosse"], ["stadt"])


def test_dashes_are_blanks(tmp_path: Path) -> None:
    rows = [("--" if index % 40 == 0 else number(), number(), number()) for index in range(200)]
    params = drafted(table(tmp_path / "t.csv", ("horsepower", "weight", "mpg"), rows), tmp_path / "line")
    assert roles(params) == ("regression", "mpg", ["horsepower", "weight"], [])
    assert "--" not in (tmp_path / "line/data/incoming/t.csv").read_text()


def test_a_file_without_a_header_has_numbers_for_columns(tmp_path: Path) -> None:
    rows = [(number(), number(), CHANCE.choice(["Iris-a", "Iris-b"])) for _ in range(80)]
    params = drafted(table(tmp_path / "iris.data", (), rows), tmp_path / "line")
    assert section(params)["header"] is False and section(params)["columns"] == {
        "column_0": 0,
        "column_1": 1,
        "column_2": 2,
    }
    assert roles(params)[:2] == ("tabular_classification", "column_2")


def test_equal_rows_and_rows_without_target_are_told_and_bounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(number(), number(), CHANCE.choice("ab")) for _ in range(100)]
    rows += [rows[0]] * 10 + [(number(), number(), "") for _ in range(5)]
    params = drafted(table(tmp_path / "t.csv", ("a", "b", "label"), rows), tmp_path / "line")
    assert section(params)["max_bad_fraction"] >= 5 / 115
    assert "missing target" in capsys.readouterr().out


def test_train_and_test_files_give_the_split(tmp_path: Path) -> None:
    for name, count in (("train", 100), ("test", 40)):
        table(tmp_path / f"d/{name}.csv", ("text", "label"), [(sentence(), CHANCE.choice("ab")) for _ in range(count)])
    params = drafted(tmp_path / "d", tmp_path / "line")
    assert params["kind"] == "text_classification"
    assert section(params)["split"] == {"validation": 0.15, "test": "given"}


@pytest.mark.parametrize("header", [("text", "label"), ("category", "message"), ("v1", "v2"), ()])
def test_texts_and_classes_are_told_apart(tmp_path: Path, header: tuple[str, ...]) -> None:
    first = header[:1] not in {("text",)}
    rows = [(CHANCE.choice(["ham", "spam"]), sentence())[:: 1 if first else -1] for _ in range(120)]
    params = drafted(table(tmp_path / "t.csv", header, rows), tmp_path / "line")
    columns = section(params)["columns"]
    places = (1, 0) if first else (0, 1)
    assert params["kind"] == "text_classification"
    assert (columns["text"], columns["label"]) == tuple(header[place] if header else place for place in places)


def test_a_text_of_lines_in_quotes_is_whole(tmp_path: Path) -> None:
    rows = [(f"{sentence()}\n{sentence()}", CHANCE.choice("ab")) for _ in range(80)]
    data = table(tmp_path / "t.csv", ("review", "sentiment"), rows, delimiter=";")
    drafted(data, tmp_path / "line")
    with (tmp_path / "line/data/incoming/t.csv").open(newline="") as text:
        read = list(csv.reader(text, delimiter=";" if ";" in text.readline() else ","))
    assert [len(row) for row in read] == [2] * 80 and read[0][0].count("\n") == 1


def test_a_text_beside_numbers_is_refused_with_both_kinds(tmp_path: Path) -> None:
    rows = [(sentence(8), number(), CHANCE.choice("uvw"), CHANCE.choice("ab")) for _ in range(120)]
    data = table(tmp_path / "t.csv", ("review", "price_paid", "shop", "label"), rows)
    with pytest.raises(DataError, match=r"--kind text_classification or --kind tabular_classification"):
        drafted(data, tmp_path / "line")
    assert section(drafted(data, tmp_path / "texts", kind="text_classification"))["columns"]["text"] == "review"
    assert roles(drafted(data, tmp_path / "table", kind="tabular_classification"))[2:] == (["price_paid"], ["shop"])


def test_a_folder_of_texts_for_each_class_is_brought_together(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("alt.atheism", "sci.space"):
            for index in range(12):
                path = tmp_path / "news" / split / name / f"{index}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"From: {sentence(3)}\n\n{sentence(20)}\n")
    params = drafted(tmp_path / "news", tmp_path / "line")
    assert params["kind"] == "text_classification" and section(params)["split"]["test"] == "given"
    first = (tmp_path / "line/data/incoming/mine/train/texts.jsonl").read_text().splitlines()[0]
    assert json.loads(first)["label"] == "alt.atheism"


def test_a_file_of_lines_for_each_class_is_brought_together(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "polarity.zip", "w") as archive:
        for suffix in ("neg", "pos"):
            archive.writestr(f"top/rt.{suffix}", "\n".join(sentence() for _ in range(40)))
        archive.writestr("top/README", "sentences")
    params = drafted(tmp_path / "polarity.zip", tmp_path / "line")
    assert params["kind"] == "text_classification"
    assert len((tmp_path / "line/data/incoming/mine/texts.jsonl").read_text().splitlines()) == 80


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
def test_json_and_parquet_are_read(tmp_path: Path, suffix: str) -> None:
    rows = [{"text": sentence(), "label": CHANCE.randrange(3)} for _ in range(90)]
    path = tmp_path / f"t{suffix}"
    if suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        path.write_text(json.dumps(rows) if suffix == ".json" else "\n".join(map(json.dumps, rows)))
    params = drafted(path, tmp_path / "line")
    assert (params["kind"], section(params)["columns"]) == ("text_classification", {"text": "text", "label": "label"})


def ratings(with_time: str = "") -> list[tuple[object, ...]]:
    rows = [(user, item, CHANCE.randrange(1, 6)) for user in range(30) for item in CHANCE.sample(range(100, 140), 20)]
    if with_time == "seconds":
        return [(*row, 1_500_000_000 + index) for index, row in enumerate(rows)]
    return [(*row, f"{index % 28 + 1}.03.2021") for index, row in enumerate(rows)] if with_time else list(rows)


@pytest.mark.parametrize(
    ("header", "time", "column"),
    [
        (("userId", "movieId", "rating", "timestamp"), "seconds", "timestamp"),
        (("user_id", "ISBN", "Book-Rating"), "", None),
        (("customer", "product", "stars", "date"), "date", "date"),
    ],
)
def test_ratings_are_told_with_a_time_or_without(
    tmp_path: Path, header: tuple[str, ...], time: str, column: str | None
) -> None:
    params = drafted(table(tmp_path / "t.csv", header, ratings(time)), tmp_path / "line")
    columns = section(params)["columns"]
    assert params["kind"] == "recommendation" and list(columns.values())[:3] == list(header[:3])
    assert columns.get("time") == column
    assert section(params)["rating"] == {"min": 1.0, "max": 5.0}
    assert ("half_life" in params["train"]) is not bool(time)  # type: ignore[operator]


def test_ratings_without_names_are_told_by_their_times(tmp_path: Path) -> None:
    params = drafted(table(tmp_path / "u.data", (), ratings("seconds"), delimiter="\t"), tmp_path / "line")
    assert section(params)["columns"] == {"user": 0, "item": 1, "rating": 2, "time": 3}


def test_titles_of_items_come_along_and_other_tables_do_not(tmp_path: Path) -> None:
    table(tmp_path / "ml/ratings.csv", ("userId", "movieId", "rating", "timestamp"), ratings("seconds"))
    table(tmp_path / "ml/movies.csv", ("movieId", "title", "genres"), [(n, f"Film {n}", "x") for n in range(100, 140)])
    table(tmp_path / "ml/tags.csv", ("userId", "movieId", "tag"), [(1, 100, "fun")])
    params = drafted(tmp_path / "ml", tmp_path / "line")
    assert section(params)["items"] == {"file": "movies.csv", "id": "movieId", "title": "title"}
    assert sorted(path.name for path in (tmp_path / "line/data/incoming/mine").iterdir()) == [
        "movies.csv",
        "ratings.csv",
    ]


@pytest.mark.parametrize("header", [("en", "fr"), ("source", "target"), ()])
def test_pairs_of_sentences_are_told(tmp_path: Path, header: tuple[str, ...]) -> None:
    rows = [(sentence(4), sentence(5)) for _ in range(200)]
    params = drafted(table(tmp_path / "t.tsv", header, rows, delimiter="\t"), tmp_path / "line")
    assert params["kind"] == "translation"
    assert list(section(params)["columns"].values()) == list(header or (0, 1))


@pytest.mark.parametrize("packed", [False, True])
def test_pictures_in_folders_or_in_a_zip_with_a_top_folder(tmp_path: Path, packed: bool) -> None:
    for name in ("rose", "tulip"):
        for index in range(12):
            picture(tmp_path / f"d/my flowers/{name}/{index}.jpg", CHANCE.randrange(10**6))
    data = tmp_path / "d"
    if packed:
        data = tmp_path / "flowers.zip"
        with zipfile.ZipFile(data, "w") as archive:
            for path in (tmp_path / "d").rglob("*.jpg"):
                archive.write(path, path.relative_to(tmp_path / "d"))
            archive.writestr("__MACOSX/._0.jpg", b"")
    params = drafted(data, tmp_path / "line")
    assert params["kind"] == "image_classification"
    assert params["train"]["architecture"] == "efficientnet_lite0"  # type: ignore[index, call-overload]
    assert params["cross_validate"] is None


def test_small_grey_pictures_are_trained_from_scratch(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("3", "7"):
        for index in range(12):
            path = tmp_path / f"d/{name}/{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.effect_noise((28, 28), 20 + index).save(path)
    params = drafted(tmp_path / "d", tmp_path / "line")
    assert section(params)["image_shape"] == [28, 28, 1] and "architecture" not in params["train"]  # type: ignore[operator]


def test_split_folders_of_other_names_are_brought_under_the_names_that_are_read(tmp_path: Path) -> None:
    for split in ("Train", "val", "TEST"):
        for name in ("rose", "tulip"):
            for index in range(6):
                picture(tmp_path / f"d/{split}/{name}/{index}.jpg", CHANCE.randrange(10**6))
    params = drafted(tmp_path / "d", tmp_path / "line")
    assert section(params)["split"] == {"validation": "given", "test": "given"}
    folders = (tmp_path / "line/data/incoming/mine").iterdir()
    assert sorted(path.name for path in folders) == ["test", "train", "validation"]


def test_what_cannot_be_read_is_refused_with_what_can(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/prices.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match="save it as CSV"):
        drafted(tmp_path / "d", tmp_path / "line")
    with pytest.raises(ParamsError, match="one of image_classification"):
        drafted(tmp_path / "d", tmp_path / "other", kind="pictures")


def test_a_quote_that_swallows_lines_is_refused_with_its_line(tmp_path: Path) -> None:
    lines = [f'{CHANCE.choice("ab")};"{sentence()}"' for _ in range(60)]
    lines[20] = 'a;"he said \\""'
    (tmp_path / "t.csv").write_text("label;text\n" + "\n".join(lines) + "\n")
    try:
        drafted(tmp_path / "t.csv", tmp_path / "line")
    except DataError as error:
        assert "line 2" in str(error)
    else:
        text = (tmp_path / "line/data/incoming/t.csv").read_text()
        assert all(line.split('"')[1] in text for line in lines[:20] + lines[21:])


def test_no_gate_is_written_but_the_size_that_the_user_gives(tmp_path: Path) -> None:
    rows = [(number(), number(), number()) for _ in range(80)]
    data = table(tmp_path / "t.csv", ("a", "b", "price"), rows)
    assert "release" not in drafted(data, tmp_path / "line")
    assert drafted(data, tmp_path / "small", max_size="50000")["release"] == {"max_size_bytes": 50000}
