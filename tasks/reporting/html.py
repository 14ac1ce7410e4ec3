"""Pages as HTML: each is one file that fetches nothing, with no script but its own."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.reporting.sections.blocks import Section

TEMPLATES = Path(__file__).parent / "templates"
NO_SCRIPT = "'none'"


def page(template: str, sections: Sequence[Section], *, has_charts: bool, **metadata: Any) -> str:
    """Return a whole document; equal arguments give equal bytes.

    Args:
        template: its file's name; it extends `base.html`.
        sections: in their order.
        has_charts: whether there are any; a page without needs no script.
        metadata: what the template names beside these.
    """
    scripts = _scripts() if has_charts else ()
    rendered = _templates().get_template(template)
    return rendered.render(
        sections=sections, style=_text("page.css"), scripts=scripts, policy=_policy(scripts), **metadata
    )  # fmt: skip


@cache
def _templates() -> Environment:
    """Return the templates: all text is escaped, and a name that nobody defined is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )


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
