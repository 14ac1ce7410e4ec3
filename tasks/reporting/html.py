"""Pages as HTML: sections of blocks as plain data, which templates turn into one file that fetches nothing."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.reporting.words import harmless

if TYPE_CHECKING:  # it imports plotly, which a page without charts does not need
    from tasks.reporting.drawing import Chart


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it says.
        note: a smaller line below.
        is_code: whether the text is a name as it stands in a file.
        is_note_code: whether the note is one.
        is_marked: whether its row stands out.
        badge: the outcome of a gate, `passed`, `failed` or `undecided`; empty where the cell is no outcome.
        is_long: whether the text is a sentence, which wraps.
    """

    text: str
    note: str = ""
    is_code: bool = False
    is_note_code: bool = False
    is_marked: bool = False
    badge: str = ""
    is_long: bool = False


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; a note is smaller and quieter."""

    text: str
    is_note: bool = False
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True)
class Table:
    """A table that scrolls in a box of its own; the first cell of each row is its header.

    Attributes:
        caption: what it shows.
        header: names of the columns.
        rows: cells, as many as the header has.
        look: class in the style sheet: `words` for long texts, `digests`, or nothing.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    look: str = ""
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Charts:
    """Charts side by side where there is room; `has_boxes` where boxes on the page show and hide their curves."""

    charts: "tuple[Chart, ...]"
    has_boxes: bool = False
    kind: ClassVar[str] = "charts"


@dataclass(frozen=True)
class ModelMetadata:
    """Terms with what they are."""

    terms: tuple[tuple[str, str], ...]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Tile:
    """A figure in large type.

    Attributes:
        title: what it is.
        value: the figure.
        note: what to compare it with.
    """

    title: str
    value: str
    note: str


@dataclass(frozen=True)
class Tiles:
    """The figures that a reader looks for first."""

    tiles: tuple[Tile, ...]
    kind: ClassVar[str] = "tiles"


@dataclass(frozen=True)
class Box:
    """A box of the legend that shows and hides a curve.

    Attributes:
        curve: `meta` of the traces that it belongs to.
        text: beside the box.
        color: of the curve, as CSS.
        is_checked: whether the curve is shown at first.
    """

    curve: str
    text: str
    color: str
    is_checked: bool


@dataclass(frozen=True)
class Boxes:
    """The legend of the curves: boxes that a keyboard reaches and that wrap on a phone; `note` may be empty."""

    boxes: tuple[Box, ...]
    note: str
    kind: ClassVar[str] = "boxes"


@dataclass(frozen=True)
class Source:
    """A text shown as it stands in a file; `label` names it for a screen reader."""

    text: str
    label: str
    kind: ClassVar[str] = "source"


@dataclass(frozen=True)
class Item:
    """A picture of a gallery.

    Attributes:
        picture: as a data URI.
        title: below it; may be empty.
        note: smaller, below the title.
        is_wrong: whether the title is a wrong answer.
    """

    picture: str
    title: str
    note: str
    is_wrong: bool = False


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side."""

    caption: str
    items: tuple[Item, ...]
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Asking:
    """The box in which the file answers; `data` is what its script needs, as JSON without anything that ends a page."""

    data: str
    kind: ClassVar[str] = "asking"


@dataclass(frozen=True)
class Fold:
    """Blocks that open at a click on the title."""

    title: str
    blocks: "tuple[Block, ...]"
    kind: ClassVar[str] = "fold"


Block = Paragraph | Table | Charts | ModelMetadata | Tiles | Boxes | Source | Gallery | Asking | Fold


@dataclass(frozen=True)
class Section:
    """A part of the page with an entry in its navigation.

    Attributes:
        name: of the link to it.
        title: its heading: says what one sees.
        short: its entry in the navigation.
        blocks: what stands in it.
    """

    name: str
    title: str
    short: str
    blocks: tuple[Block, ...]


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[Cell | str]], look: str = "") -> Table:
    """Return a table; a cell may be given as its text."""
    cells = tuple(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows)
    return Table(caption, tuple(header), cells, look)


def section(name: str, title: str, short: str, *blocks: Block | None) -> Section:
    """Return a section of the blocks that there are."""
    return Section(name, title, short, tuple(block for block in blocks if block is not None))


def fold(title: str, *blocks: Block | None) -> Fold:
    """Return a fold of the blocks that there are."""
    return Fold(title, tuple(block for block in blocks if block is not None))


def charts(*shown: "Chart", has_boxes: bool = False) -> Charts:
    """Return charts to be drawn when the page is open."""
    return Charts(shown, has_boxes)


def note(text: str) -> Paragraph:
    """Return a small paragraph."""
    return Paragraph(text, is_note=True)


def ranged(written: str) -> Cell:
    """Put the interval of `98.92% [97.67, 99.50]` below its value: narrow columns suit a phone."""
    value, bracket, rest = written.partition(" [")
    return Cell(value, f"[{rest}" if bracket else "")


TEMPLATES = Path(__file__).parent / "templates"
NO_SCRIPT = "'none'"
BOX_SCRIPTS = ("interpreter.js", "trial.js")


def page(
    template: str, sections: Sequence[Section], *, has_charts: bool, has_box: bool = False, **metadata: Any
) -> str:
    """Return a whole document; equal arguments give equal bytes.

    Args:
        template: its file's name; it extends `base.html`.
        sections: in their order.
        has_charts: whether there are any; a page without needs no script.
        has_box: whether a file answers in the page.
        metadata: what the template names beside these.
    """
    scripts = (*(_scripts() if has_charts else ()), *(map(_text, BOX_SCRIPTS) if has_box else ()))
    rendered = _templates().get_template(template)
    return rendered.render(
        sections=sections, style=_text("page.css"), scripts=scripts, policy=_policy(scripts), **metadata
    )  # fmt: skip


@cache
def _templates() -> Environment:
    """Return the templates: all text is escaped and harmless, and a name that nobody defined is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True,
        finalize=_shown,
    )  # fmt: skip


def _shown(value: Any) -> Any:
    """Show the characters of a text that would hide others; what a template marks as safe is ours."""
    return harmless(value) if type(value) is str else value


def _scripts() -> tuple[str, ...]:
    from plotly.offline import get_plotlyjs  # here, since it takes half a second that pages without charts need not

    return get_plotlyjs(), _text("page.js")


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str]) -> str:
    """Allow these scripts by their digests, the style sheet, and nothing else."""
    return (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'; "
        f"script-src {' '.join(map(_digest, scripts)) or NO_SCRIPT}"
    )


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
