"""The draft of a line: what `params.yaml` will say, with a comment for each choice."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.core.params import Settings

WIDTH = 118
PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
RESERVED = frozenset({"null", "true", "false", "yes", "no", "on", "off", "~"})
INCOMING = Path("data/incoming")


@dataclass(frozen=True)
class Key:
    """A key of `params.yaml`.

    Attributes:
        name: of the key.
        value: a value as YAML has it, or keys below this one.
        comment: what the choice means, and how to change it.
    """

    name: str
    value: Any
    comment: str = ""


@dataclass
class Draft:
    """A line before it is written.

    Attributes:
        kind: of work.
        seen: what was seen in the data, a sentence each.
        chosen: what was chosen and why, a sentence each.
        preprocess: keys of `preprocess.target`.
        sections: the keys between `preprocess` and `report`.
        tracked: path of the data below the line's folder.
        rows: how many rows or pictures there are.
        minutes: how long a run takes, from and to.
        task: what the model is for, where nobody says it better.
        limits: what its data say about its limits.
    """

    kind: str
    tracked: Path
    rows: int
    task: str
    limits: str
    seen: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    preprocess: list[Key] = field(default_factory=list)
    sections: list[Key] = field(default_factory=list)
    minutes: tuple[float, float] = (0.0, 0.0)

    def preprocess_settings(self) -> Settings:
        """Return the keys of `preprocess.target` as settings."""
        return {key.name: key.value for key in self.preprocess}


def params_text(draft: Draft, name: str, purpose: str, source: str) -> str:
    """Return the content of `params.yaml`.

    Args:
        draft: of the line.
        name: of the model.
        purpose: what it is for.
        source: what the data are called.
    """
    head = [
        f"# A line of Trimline, written by `trimline new` for {source}. It states what differs from the defaults:",
        "# `trimline params` prints all settings, `trimline set KEY=VALUE` changes one; then `trimline run`.",
    ]
    keys = [
        Key("kind", draft.kind),
        *(key for key in draft.sections if key.name == "compute"),
        Key("ingest", [Key("target", source_of(draft), "`dvc add` it again when it changes")]),
        Key("preprocess", [Key("target", draft.preprocess)]),
        *(key for key in draft.sections if key.name != "compute"),
        Key("report", [
            Key("name", name), Key("intended_use", purpose), Key("limits", draft.limits),
            Key("licence", "Say here under which terms the model and its data may be used."),
        ]),
    ]  # fmt: skip
    return "\n".join([*head, *(line for key in keys for line in _lines(key, 0)), ""])


def source_of(draft: Draft) -> Settings:
    """Return `ingest.target`."""
    return {"source": "path", "tracked": draft.tracked.as_posix()}


def _lines(key: Key, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(key.value, list) and key.value and isinstance(key.value[0], Key):
        yield _commented(f"{indent}{key.name}:", key.comment)
        for below in key.value:
            yield from _lines(below, depth + 1)
        return
    line = f"{indent}{key.name}: {flow(key.value)}"
    if len(line) <= WIDTH:
        yield _commented(line, key.comment)
        return
    if key.comment:
        yield f"{indent}# {key.comment}"
    yield from _wrapped(f"{indent}{key.name}: ", key.value, indent + "  ")


def _wrapped(start: str, value: Any, indent: str) -> Iterator[str]:
    """Yield a mapping or a list in several lines, none of which ends inside of an entry."""
    if not isinstance(value, dict | list):
        yield start + flow(value)
        return
    entries = list(value) if isinstance(value, list) else [{name: each} for name, each in value.items()]
    shown = [flow(entry)[1:-1] if isinstance(value, dict) else flow(entry) for entry in entries]
    line = start + ("{" if isinstance(value, dict) else "[")
    for place, entry in enumerate(shown):
        end = ", " if place < len(shown) - 1 else "}" if isinstance(value, dict) else "]"
        if len(line) + len(entry) > WIDTH:
            yield line.rstrip()
            line = indent
        line += entry + end
    yield line


def _commented(line: str, comment: str) -> str:
    return f"{line}  # {comment}" if comment else line


def flow(value: Any) -> str:
    """Return a value as YAML in one line; texts are quoted where YAML would read something else."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(str(key))}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        plain = PLAIN.fullmatch(value) and value.casefold() not in RESERVED
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
