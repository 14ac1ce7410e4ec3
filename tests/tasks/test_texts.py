"""Texts are cleaned, judged and encoded by what the training rows and the bundle's own files say."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import DataError, ParamsError
from tasks.data.formats import lines_by_class, tsv
from tasks.data.records import Chunk, objects
from tasks.data.schema import rows_of
from tasks.kinds.text_classification import Text
from tasks.kinds.text_classification.data import DATA, TextSchema, cleaned
from tests.graph_rules import ROOT
from tests.tasks import texts

CLEANING = Text(unicode="NFC", strip_html=True, min_characters=2, max_characters=2000)


def chunk(labels: list[str], raw: list[str]) -> Chunk:
    sources = np.array([f"sms.tsv:{number}" for number in range(1, len(raw) + 1)])
    return Chunk({"label": objects(labels), "text": objects(raw)}, sources)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  two\t words \n", "two words"),
        ("cafe\u0301", "café"),
        ("a <b>bold</b> &amp; &lt;#&gt; offer<br/>now", "a bold & <#> offer now"),
        ("I <3 you", "I <3 you"),
        ("zero\x00byte", "zero byte"),
    ],
)
def test_a_text_is_normalised(raw: str, clean: str) -> None:
    assert cleaned(raw, CLEANING) == clean


def test_html_stays_where_it_is_not_to_go() -> None:
    assert cleaned("<b>&amp;", CLEANING.model_copy(update={"strip_html": False})) == "<b>&amp;"


def test_bad_texts_are_named_with_their_row_and_the_reason() -> None:
    raw = ["fine", " <br> ", "x", "y" * 100_000, "also fine", "日本語 ☃"]
    good, bad = DATA.good_rows(
        chunk(["ham", "ham", "ham", "spam", "eggs", "spam"], raw),
        TextSchema.model_validate(texts.SCHEMA), texts.section(),
    )  # fmt: skip
    assert [(row.source, row.reason) for row in bad] == [
        ("sms.tsv:2", "empty text"),
        ("sms.tsv:3", "too short: 1 characters, at least 2"),
        ("sms.tsv:4", "too long: 100000 characters, at most 2000"),
        ("sms.tsv:5", "unknown class: 'eggs'"),
    ]
    assert good.columns["text"].tolist() == ["fine", "日本語 ☃"]


def test_one_class_only_is_refused() -> None:
    with pytest.raises(DataError, match="at least two"):
        DATA.observe([chunk(["ham", "ham"], ["one", "two"])], "text_classification", texts.section())


def test_copies_are_the_same_whatever_their_case_and_class() -> None:
    digests = DATA.content_digests(chunk(["ham", "spam", "ham"], ["Call NOW", "call now", "call later"]))
    assert digests[0] == digests[1] != digests[2]


def test_equal_texts_give_a_tokenizer_of_equal_bytes_in_another_process(tmp_path: Path) -> None:
    texts.written(tmp_path, texts.messages(0, 300))
    code = (
        "import sys; from pathlib import Path; from tasks.kinds.text_classification.data import trained\n"
        "from tasks.kinds.text_classification import TrainedTokenizer\n"
        "lines = Path(sys.argv[1]).read_text().splitlines()\n"
        "params = TrainedTokenizer(vocabulary=400, lowercase=True)\n"
        "trained(params, iter([lines[:100], lines[100:]])).save(sys.argv[2])\n"
    )
    for name in ("first.json", "second.json"):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "sms.tsv"), str(tmp_path / name)], cwd=ROOT, check=True
        )
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()


def test_the_tokenizer_knows_the_training_rows_alone(tmp_path: Path) -> None:
    first, other = (texts.messages(start, start + 200) for start in (0, 200))
    data = texts.ready(tmp_path / "whole", first + other)
    train = set(data.column("train", "text").all().tolist())
    held_out = [text for split in ("validation", "test") for text in data.column(split, "text").all()]
    changed = [line for line in first + other if cleaned(line.split("\t")[1], CLEANING) in train]
    alone = texts.ready(tmp_path / "alone", changed, split={"validation": 0.0, "test": 0.0, "seed": 0})
    assert held_out
    assert set(alone.column("train", "text").all().tolist()) == train
    assert alone.metadata["encoded_by"] == data.metadata["encoded_by"]


def test_a_bundles_files_encode_a_text_as_the_data_set_has_it(tmp_path: Path) -> None:
    data = texts.ready(tmp_path, texts.messages(0, 400))
    assert data.metadata["inputs"] == {"tokens": {"shape": [32], "dtype": "int32"}}
    assert data.metadata["vocabulary"] == 500
    assets = shutil.copytree(data.assets, tmp_path / "elsewhere")
    encoder, stored = DATA.encoder(assets), data.column("test", "tokens").all()
    for text, tokens in zip(data.column("test", "text").all(), stored, strict=True):
        assert np.array_equal(encoder.encode(DATA.parse([text], assets))["tokens"][0], tokens)


def test_unknown_letters_and_an_empty_text_of_a_persons_have_defined_answers(tmp_path: Path) -> None:
    data = texts.ready(tmp_path, texts.messages(0, 400))
    tokens = DATA.encoder(data.assets).encode(DATA.parse(["日本語 ☃ 漢字"], data.assets))["tokens"]
    assert tokens.shape == (1, 32)
    assert set(tokens[0].tolist()) == {0, 1}  # padding and the unknown token
    with pytest.raises(DataError, match="one text"):
        DATA.parse([" <br>"], data.assets)


def test_a_packaged_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    wrong = {"package": "sklearn", "path": "datasets/data/iris.csv"}
    with pytest.raises(DataError, match=r"a tokenizer\.json"):
        texts.ready(tmp_path, texts.messages(0, 100), tokenizer=wrong)
    with pytest.raises(ParamsError, match="not installed"):
        texts.ready(tmp_path, texts.messages(0, 100), tokenizer=wrong | {"package": "no_such_package"})


def test_messages_are_read_from_columns_without_names(tmp_path: Path) -> None:
    folder = texts.written(tmp_path, texts.messages(0, 3))
    (read,) = rows_of(tsv, folder, texts.section())
    assert read.columns["label"].tolist() == ["ham", "ham", "spam"]


def polarity(**changes: str) -> dict[str, object]:
    lines = {"files": "rt-polarity.*", "encoding": "latin-1", "class_name": "suffix"} | changes
    return {"format": "lines_by_class", "columns": {}, "lines": lines}


def test_a_file_per_class_gives_its_name_to_each_of_its_lines(tmp_path: Path) -> None:
    if not texts.POLARITY.is_file():
        pytest.skip(f"no {texts.POLARITY}: the shared data are not here")
    zipfile.ZipFile(texts.POLARITY).extractall(tmp_path)
    chunks = list(rows_of(lines_by_class, tmp_path, texts.section(**polarity(), shard_rows=5000)))
    assert [(set(chunk.columns["label"].tolist()), len(chunk)) for chunk in chunks] == [
        ({"neg"}, 5000), ({"neg"}, 331), ({"pos"}, 5000), ({"pos"}, 331)
    ]  # fmt: skip
    assert chunks[0].sources[4] == "rt-polarity.neg:5"


def test_a_line_in_another_encoding_is_unreadable_and_the_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "rt-polarity.pos").write_bytes("fine\ncaf\xe9 society\n".encode("latin-1"))
    (read,) = rows_of(lines_by_class, tmp_path, texts.section(**polarity(encoding="utf-8")))
    assert [row.source for row in read.unreadable] == ["rt-polarity.pos:2"]
    assert read.columns["text"].tolist() == ["fine\n"]
    (read,) = rows_of(lines_by_class, tmp_path, texts.section(**polarity()))
    assert read.columns["text"].tolist()[1] == "café society\n"


def test_the_class_may_be_the_stem_and_a_pattern_without_files_is_refused(tmp_path: Path) -> None:
    texts.written(tmp_path, ["win now"], "spam.txt")
    texts.written(tmp_path, ["see you"], "ham.txt")
    by_stem = polarity(files="*.txt", class_name="stem")
    names = [chunk.columns["label"][0] for chunk in rows_of(lines_by_class, tmp_path, texts.section(**by_stem))]
    assert names == ["ham", "spam"]
    with pytest.raises(DataError, match="no file "):
        list(rows_of(lines_by_class, tmp_path, texts.section(**polarity())))


@pytest.mark.parametrize("changes", [{"columns": {"text": 0}}, {"columns": {}}, {"format": "lines_by_class"}])
def test_settings_that_name_no_text_or_class_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"columns has|lines says"):
        texts.section(**changes)
