"""A name is one name however a file writes it, and a text keeps what its script needs."""

import sys
import unicodedata
from pathlib import PurePath
from typing import Any

import pytest

from tasks.data import classes, names
from tasks.data.html_text import without_tags
from tasks.data.names import name_of, near_equal, spelled, suffix_of
from tasks.kinds.text_classification import Text
from tasks.kinds.text_classification.data import cleaned
from tasks.kinds.translation import Sentences
from tasks.kinds.translation.data import cleaned as cleaned_sentence

UNKNOWN_TO_OLD_VERSIONS = "\U0001fae9 \U0001fadf"  # Unicode 16, of 2024: no Python before 3.14 has these two emoji


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("very\nhigh", "very high"), ("very\r\n  high ", "very high"), ("very\u00a0high", "very high"),
        ("very\u2028high", "very high"), ("very\x1fhigh", "very high"), ("very\u200bhigh", "very high"),
        ("\ufeffham", "ham"), ("co\u00adop", "coop"), ("\u202aham\u202c", "ham"), ("cafe\u0301", "caf\u00e9"),
        ("1", "1"), ("1.0", "1"), ("1.", "1"), ("+1.00", "1"), ("-1.0", "-1"), ("-0.0", "0"), (" 7 ", "7"),
        ("01", "01"), ("1.5", "1.5"), ("1e3", "1e3"), ("1.0.0", "1.0.0"), ("\u00b2", "\u00b2"), ("-", "-"), ("", ""),
        ("12345678901234567890.0", "12345678901234567890"), ("Ham", "Ham"), ("1,0", "1,0"),
    ],
)  # fmt: skip
def test_a_name_has_one_spelling(written: str, name: str) -> None:
    assert name_of(written) == name
    assert name_of(name) == name
    assert names.names_of([written, name, written]) == [name] * 3


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a joiner of no width inside the word
        "\u0915\u094d\u200d\u0937 \u0d28\u0d4d\u200d",  # Hindi and Malayalam
        "family \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f44d\U0001f3fd",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England
        UNKNOWN_TO_OLD_VERSIONS,
        "\ue000 of a font",
    ],
)
def test_a_text_keeps_what_its_script_needs(text: str) -> None:
    assert cleaned(text, Text()) == text == cleaned_sentence(text, Sentences())


def test_an_emoji_that_this_python_does_not_know_is_kept() -> None:
    if sys.version_info < (3, 14):
        assert {unicodedata.category(letter) for letter in UNKNOWN_TO_OLD_VERSIONS} == {"Cn", "Zs"}
    assert spelled(UNKNOWN_TO_OLD_VERSIONS, "NFKC") == UNKNOWN_TO_OLD_VERSIONS


def test_every_character_is_kept_or_is_white_space_or_is_one_of_a_few_that_show_nothing() -> None:
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    found = dict(zip(codes, (spelled(f"a{chr(code)}b") for code in codes), strict=True))
    assert [code for code, text in found.items() if text == "ab"] == sorted(names.REMOVED)
    spaces = {code for code in codes if chr(code).isspace()} | set(names.SPACES)
    assert {code for code, text in found.items() if text == "a b"} == spaces


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d", "a <b and c> d", "if a<b then c>d", "1<2>0", "I <3 you", "<joe@example.com> wrote",
        "x <- y -> z",
        "<http://example.com>", "Vec<T> of List<String>", "see a.html?x=1&copy=2&lt=3", "AT&T; R&D", "<>", "< b>",
        "a <= b >= c",
        "<b", "b>", "<unclear>", "[<name>]",
    ],
)  # fmt: skip
def test_what_only_looks_like_html_stays(text: str) -> None:
    assert without_tags(text) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a <b>bold</b> word", "a bold word"), ("one<br/>two<BR>three<br />four", "one two three four"),
        ('<a href="x.html?a>b" target=_blank>link</a>', "link"), ("<p\nclass='x'>two lines</p\n>", "two lines"),
        ("<input disabled> <td nowrap width=3>x</td>", "x"), ("<!-- a <b> note -->x<!DOCTYPE html>", "x"),
        ("<o:p></o:p>Word", "Word"), ("<h1 data-x=1>T</h1>", "T"),
        ("&lt;br&gt; &amp; &#233; &#xe9;", "& \u00e9 \u00e9"),
        ("5 &gt; 4 &lt; 6", "5 > 4 < 6"),
    ],
)  # fmt: skip
def test_tags_go_and_entities_are_letters(text: str, plain: str) -> None:
    assert cleaned(text, Text()) == plain
    assert cleaned(plain, Text()) == plain


def test_a_long_text_that_is_nearly_a_tag_takes_no_time() -> None:
    for text in ("<a " + "b=c " * 20_000, "<" * 50_000, "<!--" * 20_000, "<a" + " " * 50_000, "<td nowrap" * 20_000):
        assert without_tags(text) == text


@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        ("A.CSV", ".csv"),
        ("a.Csv.GZ", ".csv.gz"),
        ("b/.c/LICENSE", ""),
        ("a.b.JPG", ".jpg"),
        ("x.gz", ".gz"),
        ("a.1.gz", ".1.gz"),
    ],
)
def test_a_suffix_is_in_small_letters_with_what_is_compressed(path: str, suffix: str) -> None:
    assert suffix_of(PurePath(path)) == suffix


def test_names_that_differ_in_case_accents_space_or_zeros_alone_are_nearly_equal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = [
        "Spam",
        "spam",
        "ham",
        "ice cream",
        "ice_cream",
        "Caf\u00e9",
        "cafe",
        "01",
        "1",
        "10",
        "1.5",
        "1.05",
        "100",
    ]
    assert near_equal(found) == [["01", "1"], ["Caf\u00e9", "cafe"], ["Spam", "spam"], ["ice cream", "ice_cream"]]
    names.tell_near_equal("classes", found)
    assert "nearly equal classes, which stay different: '01' and '1'; 'Caf\u00e9' and 'cafe'" in capsys.readouterr().out
    names.tell_near_equal("classes", ["a", "b"])
    assert not capsys.readouterr().out


def test_classes_are_in_order_whatever_digits_they_are_written_with(tmp_path: Any) -> None:
    found = ["10", "2", "\u00b2", "x", "\u0663", "9" * 5000]
    assert classes.in_order(found) == ["2", "10", "9" * 5000, "x", "\u00b2", "\u0663"]
    classes.write(tmp_path, found)
    assert classes.read(tmp_path) == found
