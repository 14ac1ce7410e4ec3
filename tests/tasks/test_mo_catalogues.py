"""Catalogues of GNU gettext as pairs of sentences: as Python reads them, and refused where they are damaged."""

import gettext
import struct
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from tasks.core.errors import DataError
from tasks.data.formats import mo_catalogues
from tasks.data.schema import rows_of
from tests.tasks import translations


def catalogue(pairs: dict[str, str], order: str = "<", charset: str = "UTF-8") -> bytes:
    """The bytes of a catalogue, as msgfmt writes them, without a hash table."""
    entries = {"": f"Content-Type: text/plain; charset={charset}\n"} | pairs
    sides = [[text.encode(charset) for text in side] for side in (entries, entries.values())]
    start = 28 + 16 * len(entries)
    tables, content = b"", b""
    for side in sides:
        for text in side:
            tables += struct.pack(f"{order}2I", len(text), start + len(content))
            content += text + b"\0"
    head = struct.pack(f"{order}7I", mo_catalogues.MAGIC, 0, len(entries), 28, 28 + 8 * len(entries), 0, 0)
    return head + tables + content


def read(path: Path) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for chunk in rows_of(mo_catalogues, path.parent, translations.section(format="mo_catalogues", shard_rows=2)):
        sides = (chunk.sources, chunk.columns["source"], chunk.columns["target"])
        found += zip(*(side.tolist() for side in sides), strict=True)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.mo"


@pytest.mark.parametrize(("order", "charset"), [("<", "UTF-8"), (">", "UTF-8"), ("<", "ISO-8859-1")])
def test_messages_are_read_in_either_byte_order_and_in_their_own_charset(order: str, charset: str, path: Path) -> None:
    pairs = {"~File": "~Fichier", "menu\x04_Edit": "_Édition", "%d page\0%d pages": "%d page\0%d pages", "a_b": "a_b"}
    path.write_bytes(catalogue(pairs, order, charset))
    assert read(path) == [
        ("app.mo:2", "File", "Fichier"),
        ("app.mo:3", "Edit", "Édition"),
        ("app.mo:4", "%d page", "%d page"),
        ("app.mo:5", "a_b", "a_b"),
    ]


def test_a_real_catalogue_has_the_messages_that_python_finds_in_it(tmp_path: Path) -> None:
    (package,) = util.find_spec("humanize").submodule_search_locations  # type: ignore[union-attr,misc]
    source = Path(package) / "locale/fr_FR/LC_MESSAGES/humanize.mo"
    (tmp_path / "humanize.mo").write_bytes(source.read_bytes())
    with source.open("rb") as file:
        known: dict[Any, str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    found = {message: translation for _, message, translation in read(tmp_path / "humanize.mo")}
    plain = {message: told for message, told in known.items() if isinstance(message, str) and "\x04" not in message}
    assert len(found) > 50 and all(found[message] == told for message, told in plain.items() if message)


@pytest.mark.parametrize("damage", [lambda whole: whole[:40], lambda whole: whole[:-9], lambda whole: b"PK" + whole])
def test_a_damaged_catalogue_is_refused_by_its_name(damage: Any, path: Path) -> None:
    path.write_bytes(damage(catalogue({"Open": "Ouvrir", "Close": "Fermer"})))
    with pytest.raises(DataError, match=r"app\.mo") as caught:
        read(path)
    assert "whole catalogue" in str(caught.value.expected)
