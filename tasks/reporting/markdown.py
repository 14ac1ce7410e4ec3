"""Markdown: tables that read well as plain text, text that cannot break them."""

from collections.abc import Iterable, Sequence


def markdown_table(rows: Sequence[tuple[str, ...]]) -> str:
    """Lay rows out as a table; the first row is the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def escaped_table(rows: Iterable[tuple[str, ...]]) -> str:
    """Lay rows out as a table whose cells are shown literally."""
    return markdown_table([tuple(escaped(cell) for cell in row) for row in rows])


def escaped(text: str) -> str:
    """Return text as Markdown shows it literally: no HTML, no new cell, no new line."""
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").split())
