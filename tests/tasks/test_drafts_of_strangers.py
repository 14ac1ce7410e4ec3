"""Files as spreadsheets, shops, offices and annotators write them become lines, or are refused with what helps."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import DataError
from tasks.data.inspection.column_profile import Column, plain_number, profile
from tests.tasks.test_drafts import drafted, number, section, sentence, table
from tests.tasks.test_inspection import picture


def rows_of(folder: Path) -> list[list[str]]:
    (path,) = (folder / "data/incoming").glob("*.csv")
    with path.open(newline="", encoding="utf-8") as text:
        return list(csv.reader(text))


def column(*cells: str, commas: bool = False) -> Column:
    return profile("x", 0, cells * 4, commas=commas)


@pytest.mark.parametrize(
    ("cells", "commas", "read"),
    [
        (("2.927,14 €", "-54,00 €", "7 €"), True, ["2927.14", "-54.00", "7"]),
        (("48,411 km", "7 km", "1,000,000 km"), False, ["48411", "7", "1000000"]),
        (("20\u00a0314,50", "1\u202f000,00", "7,5"), True, ["20314.50", "1000.00", "7.5"]),
        (("1'234.50", "\u221212.5", "3"), False, ["1234.50", "-12.5", "3"]),
        (("45.7%", "3 %", "0.5 %"), False, ["45.7", "3", "0.5"]),
        (("$1,234.50", "-$12", "$ 7"), False, ["1234.50", "-12", "7"]),
        (("EUR 12", "EUR 3.5", "EUR 1,000"), False, ["12", "3.5", "1000"]),
        (("3.5e-3", "1e6", "2"), False, ["3.5e-3", "1e6", "2"]),
    ],
)
def test_numbers_in_reports_are_read_without_their_dress(cells: tuple[str, ...], commas: bool, read: list[str]) -> None:
    found = column(*cells, commas=commas)
    assert found.holds == "number"
    assert [plain_number(cell, found.written) for cell in cells] == read


def test_units_that_differ_make_no_number() -> None:
    found = column("$12", "€13", "£14")
    assert (found.holds, set(found.units)) == ("text", {"$", "€", "£"})
    assert column("3a", "4b", "5a").holds == "text"
    assert column("2nd", "3rd", "4th").holds == "text"


def test_a_target_in_several_currencies_is_refused(tmp_path: Path) -> None:
    rows = [(number(), f"{'$€£'[place % 3]}{place * 7}") for place in range(300)]
    with pytest.raises(DataError, match=r"price in several units: \$, £, €"):
        drafted(table(tmp_path / "cars.csv", ("km", "price"), rows), tmp_path / "line")


def test_points_part_thousands_where_another_column_has_decimal_commas(tmp_path: Path) -> None:
    """An export of a spreadsheet, with a title, units below the header, and numbers as Germans write them."""
    lines = ["Auftragsbericht;;;", "Stand: heute;;;", "Menge;Gewicht;Preis;Lieferzeit", "Stk;kg;€;Tage"]
    lines += [f"{1 + place * 37 % 7}.{place * 37 % 1000:03};{place % 90},5;1.{place % 999:03},25 €;{place % 9},1"
              for place in range(1001, 1401)]  # fmt: skip
    path = tmp_path / "export.csv"
    path.write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    params = drafted(path, tmp_path / "line")
    assert (params["kind"], section(params)["target"]) == ("regression", "lieferzeit")
    header, first, *others = rows_of(tmp_path / "line")
    assert header == ["Menge", "Gewicht", "Preis", "Lieferzeit"] and len(others) == 399
    assert first == ["1037", "11.5", "1002.25", "2.1"]


def test_points_stay_decimal_where_nothing_says_otherwise(tmp_path: Path) -> None:
    rows = [(f"{place}.125", f"{place}.5", place % 2) for place in range(1, 301)]
    drafted(table(tmp_path / "t.csv", ("a", "b", "label"), rows, delimiter=";"), tmp_path / "line")
    assert rows_of(tmp_path / "line")[1] == ["1.125", "1.5", "1"]


def test_comments_above_the_header_go_and_its_names_stay(tmp_path: Path) -> None:
    rows = ["\t".join((number(), number(), "AB"[place % 2])) for place in range(120)]
    path = tmp_path / "lab.txt"
    path.write_text("\n".join(["# export of the lab", "# version 3", "ph\tturbidity\tgrade", *rows]), encoding="utf-8")
    params = drafted(path, tmp_path / "line")
    assert (section(params)["target"], section(params)["numeric"]) == ("grade", ["ph", "turbidity"])
    assert len(rows_of(tmp_path / "line")) == 121


def test_names_that_are_there_twice_are_told_apart(tmp_path: Path) -> None:
    rows = [(place, number(), number(), f"{place % 90}.5%") for place in range(150)]
    params = drafted(table(tmp_path / "t.csv", ("", "temp", "temp", "yield"), rows), tmp_path / "line")
    assert rows_of(tmp_path / "line")[0] == ["column_0", "temp", "temp_2", "yield"]
    assert (params["kind"], section(params)["numeric"]) == ("regression", ["temp", "temp_2"])


def test_german_ratings_are_ratings(tmp_path: Path) -> None:
    rows = [(user, item, f"{(user + item) % 9 // 2},5", f"{1 + item % 28:02}.05.2024") for user in range(40)
            for item in range(30)]  # fmt: skip
    path = table(tmp_path / "t.csv", ("Nutzer", "Film", "Sterne", "Datum"), rows, delimiter=";")
    params = drafted(path, tmp_path / "line")
    assert params["kind"] == "recommendation" and set(section(params)["columns"]) == {"user", "item", "rating", "time"}


def test_counts_of_purchases_are_asked_about_and_clicks_need_a_rating(tmp_path: Path) -> None:
    pairs = [(user, item) for user in range(40) for item in range(30)]
    bought = [(user, item, 1 + (user * item) % 7) for user, item in pairs]
    path = table(tmp_path / "bought.csv", ("customer_id", "sku", "purchases"), bought)
    with pytest.raises(DataError, match="two ways") as error:
        drafted(path, tmp_path / "asked")
    assert error.value.do == "--kind recommendation or --kind regression"
    params = drafted(path, tmp_path / "bought", kind="recommendation")
    assert section(params)["columns"]["rating"] == "purchases"

    clicks = [(user, item, 1_700_000_000 + 60 * item) for user, item in pairs for _ in range(1 + (user * item) % 3)]
    path = table(tmp_path / "clicks.csv", ("user_id", "item_id", "timestamp"), clicks)
    with pytest.raises(DataError, match="without a column of ratings") as error:
        drafted(path, tmp_path / "clicks")
    assert "count how often each user took each item" in error.value.do
    counted = [(*pair, count) for pair, count in Counter((user, item) for user, item, _ in clicks).items()]
    path = table(tmp_path / "counted.csv", ("user_id", "item_id", "times"), counted)
    assert drafted(path, tmp_path / "counted", rating="times")["kind"] == "recommendation"
    with pytest.raises(DataError, match="ratings in times that are all 1"):
        ones = [(*pair, 1) for pair in pairs]
        drafted(table(tmp_path / "ones.csv", ("user_id", "item_id", "times"), ones), tmp_path / "ones", rating="times")


def parallel(folder: Path, names: tuple[str, str], counts: tuple[int, int]) -> Path:
    folder.mkdir()
    for name, count in zip(names, counts, strict=True):
        (folder / name).write_text("".join(f"{sentence()} {name[-2:]}.\n" for _ in range(count)), encoding="utf-8")
    return folder


def test_parallel_files_are_translations(tmp_path: Path) -> None:
    params = drafted(parallel(tmp_path / "corpus", ("news.fr", "news.en"), (300, 300)), tmp_path / "line")
    assert params["kind"] == "translation"
    with (tmp_path / "line/data/incoming/mine/pairs.jsonl").open(encoding="utf-8") as text:
        pairs = [json.loads(row) for row in text]
    assert len(pairs) == 300 and all(set(pair) == {"source", "target"} for pair in pairs)
    assert all(pair["source"].endswith("en.") and pair["target"].endswith("fr.") for pair in pairs)


def test_parallel_files_that_are_not_equally_long_or_are_languages_to_tell_are_asked_about(tmp_path: Path) -> None:
    unequal = parallel(tmp_path / "unequal", ("news.en", "news.fr"), (300, 299))
    with pytest.raises(DataError, match=r"news.en with 300 lines beside news.fr with 299"):
        drafted(unequal, tmp_path / "a")
    assert drafted(unequal, tmp_path / "b", kind="text_classification")["kind"] == "text_classification"
    languages = parallel(tmp_path / "languages", ("en.txt", "fr.txt"), (300, 300))
    with pytest.raises(DataError, match="two ways"):
        drafted(languages, tmp_path / "c")
    assert drafted(languages, tmp_path / "d", kind="translation")["kind"] == "translation"


def test_mails_and_pages_are_documents_beside_plain_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in range(60):
        folder = tmp_path / "mails" / ("offer", "bill")[place % 2]
        folder.mkdir(parents=True, exist_ok=True)
        text = f"{sentence()}, {sentence()}"
        content = {
            "txt": text, "html": f"<p>{text}</p>",
            "eml": f"From: a@example.org\nSubject: about {place}\nContent-Type: text/plain; charset=utf-8\n\n{text}\n",
        }  # fmt: skip
        suffix = list(content)[place % 3]
        (folder / f"{place}.{suffix}").write_text(content[suffix], encoding="utf-8")
    (tmp_path / "mails/offer/list.pdf").write_bytes(b"%PDF")
    assert drafted(tmp_path / "mails", tmp_path / "line")["kind"] == "text_classification"
    assert "other files, left out: 1 .pdf" in capsys.readouterr().out
    rows = (tmp_path / "line/data/incoming/mine/texts.jsonl").read_text(encoding="utf-8")
    assert rows.count("\n") == 60 and "about 2" in rows and "example.org" not in rows


def test_json_has_the_class_that_is_a_text_and_no_list(tmp_path: Path) -> None:
    queues = ("billing", "shipping", "it")
    rows = [
        {"id": place, "body": sentence(12), "meta": {"vip": place % 2 == 0}, "tags": ["a"][: place % 2],
         "queue": queues[place % 3]} for place in range(150)
    ]  # fmt: skip
    (tmp_path / "tickets.json").write_text(json.dumps(rows), encoding="utf-8")
    params = drafted(tmp_path / "tickets.json", tmp_path / "line")
    assert section(params)["columns"] == {"text": "body", "label": "queue"}


def test_classes_are_shown_so_that_a_typing_error_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(number(), "Oiu" if place == 50 else "Oui" if place % 3 else "Non") for place in range(300)]
    drafted(table(tmp_path / "t.csv", ("a", "label"), rows), tmp_path / "line")
    assert "classes: Oui 199, Non 100, Oiu 1" in capsys.readouterr().out
    several = [(sentence(8), ";".join(("bill", "spam", "refund")[: 1 + place % 3][:: 1 - 2 * (place % 2)]))
               for place in range(300)]  # fmt: skip
    several += [(sentence(8), name) for name in ("spam", "refund", "refund;bill", "spam;refund") for _ in range(40)]
    drafted(table(tmp_path / "m.csv", ("text", "label"), several), tmp_path / "several")
    assert "seem to be several" in capsys.readouterr().out


def test_one_class_and_a_header_alone_are_refused_in_words_of_the_data(tmp_path: Path) -> None:
    rows = [(sentence(8), "ok") for _ in range(100)]
    path = table(tmp_path / "t.csv", ("text", "label"), rows)
    with pytest.raises(DataError, match="one class, 'ok', in label"):
        drafted(path, tmp_path / "line", kind="text_classification", label="label")
    with pytest.raises(DataError, match="names of 2 columns and no rows below"):
        drafted(table(tmp_path / "h.csv", ("text", "label"), []), tmp_path / "header")


def test_pictures_may_have_their_classes_in_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = []
    for place in range(40):
        picture(tmp_path / f"shop/images/{place:03}.jpg", place)
        labels.append((f"{place:03}.jpg", ("rust", "ok")[place % 2]))
    table(tmp_path / "shop/labels.csv", ("file", "label"), labels[:38])
    params = drafted(tmp_path / "shop", tmp_path / "line")
    assert params["kind"] == "image_classification"
    said = capsys.readouterr().out
    assert "38 pictures in 2 classes" in said and "classes as labels.csv names them" in said
    assert "2 pictures lie in no class folder and are left out" in said
    assert len(list((tmp_path / "line/data/incoming/mine/rust").glob("*.jpg"))) == 19
    table(tmp_path / "shop/labels.csv", ("file", "label"), [*labels, ("000.jpg", "ok")])
    with pytest.raises(DataError, match="has the class 'rust' and the class 'ok'"):
        drafted(tmp_path / "shop", tmp_path / "twice")


def test_class_names_that_differ_in_case_and_classes_without_training_pictures_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, folder in enumerate(np.repeat(["train/cat", "train/dog", "val/cat", "val/Dog"], 12)):
        picture(tmp_path / f"pets/{folder}/{place}.png", place)
    drafted(tmp_path / "pets", tmp_path / "line")
    said = capsys.readouterr().out
    assert "Dog and dog are two classes, whose names differ in case alone" in said
    assert "no picture to learn from has the class Dog" in said


@pytest.mark.parametrize(
    ("rows", "words", "starts"), [(200, "the {} is", True), (1600, "the {} is", False), (200, "{}", False)]
)
def test_few_english_texts_start_from_a_language_model(rows: int, words: str, starts: bool, tmp_path: Path) -> None:
    cells = [(words.format(sentence(8)), "ab"[place % 2]) for place in range(rows)]
    train = drafted(table(tmp_path / "t.csv", ("text", "label"), cells), tmp_path / "line")["train"]
    assert ("architecture" in train) is starts  # type: ignore[operator]
