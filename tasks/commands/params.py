"""Prints the settings of the line, defaults included: `trimline params train`."""

import json
import sys
from collections.abc import Sequence
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from tasks.commands import parser_of
from tasks.commands.stage import guarded
from tasks.core.errors import ParamsError
from tasks.core.params import Settings
from tasks.core.progress import say
from tasks.line import params_file
from tasks.line.params import shortened

DESCRIPTION = """\
Print all settings of params.yaml, defaults included, as YAML. A value that differs from its default is marked.
docs/reference/params.md explains each setting."""
MARK = "set in params.yaml"
COLUMN = 50  # of the marks


def params(sections: Sequence[str], *, changed: bool, as_json: bool) -> None:
    """Print sections of the settings, all of them where none is named.

    Args:
        sections: dotted keys, such as `train` or `train.fit`.
        changed: print only what differs from the defaults.
        as_json: print JSON without marks.

    Raises:
        ParamsError: `params.yaml` is invalid, or there is no such section.
    """
    raw = json.loads(json.dumps(params_file.read()))
    complete = params_file.resolved(raw)
    short = shortened(raw)
    shown: Any = short if changed else complete
    if sections:
        shown = _only(shown, complete, sections)
    say(json.dumps(shown, indent=2) if as_json else _yaml(shown, None if changed else short))


def _only(shown: Settings, complete: Settings, sections: Sequence[str]) -> Settings:
    """Return the named sections, in the mappings around them."""
    found: Any = {}
    for section in sections:
        value: Any = shown
        place, rest, names = found, complete, section.split(".")
        for index, name in enumerate(names):
            if not isinstance(rest, dict) or name not in rest:
                raise ParamsError(
                    got=f"the section {section!r}",
                    expected=f"one of {', '.join(rest) if isinstance(rest, dict) else 'none below it'}",
                    do="correct the name",
                )
            rest = rest[name]  # type: ignore[assignment]
            value = value.get(name, {}) if isinstance(value, dict) else {}
            place = place.setdefault(name, {} if index < len(names) - 1 else value)
    return found  # type: ignore[no-any-return]


def _yaml(shown: Any, short: Any) -> str:
    """Return YAML; what `short` has, the file without its defaults, is marked. None marks nothing."""
    yaml, text = YAML(), StringIO()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda writer, _: writer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    yaml.dump(_marked(shown, short), text)
    return text.getvalue().rstrip("\n")


def _marked(value: Any, short: Any) -> Any:
    if isinstance(value, list):
        return _sequence([_marked(each, _entry(short, each, index)) for index, each in enumerate(value)])
    if not isinstance(value, dict):
        return value
    mapping = CommentedMap()
    for key, each in value.items():
        known = isinstance(short, dict) and key in short
        mapping[key] = _marked(each, short[key] if known else None)
        if known and not _is_block(mapping[key]):
            mapping.yaml_add_eol_comment(MARK, key, column=COLUMN)
    if not value:
        mapping.fa.set_flow_style()
    return mapping


def _sequence(values: list[Any]) -> CommentedSeq:
    sequence = CommentedSeq(values)
    if not any(isinstance(value, dict) for value in values):
        sequence.fa.set_flow_style()
    return sequence


def _is_block(value: Any) -> bool:
    """Whether a value has lines of its own, which have marks of their own."""
    return isinstance(value, dict | list) and bool(value) and not value.fa.flow_style()  # type: ignore[union-attr]


def _entry(short: Any, step: Any, index: int) -> Any:
    """Return what the short file has of an entry of a list; it has steps of a recipe as a list or by their names."""
    if isinstance(short, dict) and isinstance(step, dict):
        return short.get(step.get("step"))
    return short[index] if isinstance(short, list) and index < len(short) else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline params` and return its exit status."""
    parser = parser_of("params", DESCRIPTION, "trimline params train compress.int8")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="such as train or train.fit; all without one")
    parser.add_argument("--changed", action="store_true", help="only what differs from the defaults")
    parser.add_argument("--json", action="store_true", help="as JSON")
    options = parser.parse_args(arguments)
    return guarded(lambda: params(options.sections, changed=options.changed, as_json=options.json), "params")


if __name__ == "__main__":
    sys.exit(main())
