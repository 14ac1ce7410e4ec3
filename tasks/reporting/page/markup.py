"""HTML that cannot be broken by what stands in it: text is escaped unless it is markup already."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Cell = str


class Markup(str):
    """Text that is HTML and is taken as it is."""

    __slots__ = ()


@dataclass(frozen=True)
class Section:
    """A part of the page with a place in its navigation.

    Attributes:
        name: of the link to it.
        title: its heading: says what one sees.
        short: its entry in the navigation.
        body: what stands in it.
    """

    name: str
    title: str
    short: str
    body: Markup


def escaped(value: Cell) -> Markup:
    """Return text as HTML; markup stays what it is."""
    return value if isinstance(value, Markup) else Markup(html.escape(value))


def joined(parts: Iterable[Cell], separator: str = "\n") -> Markup:
    """Put parts behind one another."""
    return Markup(separator.join(escaped(part) for part in parts))


def element(tag: str, *content: Cell, **attributes: str) -> Markup:
    """Return an element; an attribute without a value is left out, and its underscores become dashes."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for name, value in attributes.items() if value
    )
    return Markup(f"<{tag}{written}>{joined(content, '')}</{tag}>")


def paragraph(*content: Cell, class_: str = "") -> Markup:
    """Return a paragraph."""
    return element("p", *content, class_=class_) if class_ else element("p", *content)


def code(value: str) -> Markup:
    """Return a name as it stands in a file."""
    return element("code", value)


def table(caption: str, header: Sequence[Cell], rows: Iterable[Sequence[Cell]], class_: str = "") -> Markup:
    """Return a table in a box of its own that scrolls; the first cell of each row is its header."""
    head = joined((element("th", name, scope="col") for name in header), "")
    lines = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    ]
    whole = element(
        "table", element("caption", caption), element("thead", element("tr", head)),
        element("tbody", joined(lines)), class_=class_,
    )  # fmt: skip
    return element("div", whole, class_="scroll", role="region", tabindex="0", aria_label=caption)


def ranged(written: str) -> Markup:
    """Put the interval of `98.92% [97.67, 99.50]` under its value: narrow columns suit a phone."""
    value, bracket, rest = written.partition(" [")
    return joined([value, *([element("small", f"[{rest}")] if bracket else [])], "")


def listed(terms: Iterable[tuple[Cell, Cell]]) -> Markup:
    """Return terms with what they are."""
    return element("dl", *(element("div", element("dt", term), element("dd", told)) for term, told in terms))


def folded(title: str, *content: Cell) -> Markup:
    """Return content that opens at a click."""
    return element("details", element("summary", title), *content)
