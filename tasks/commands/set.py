"""Changes values of `params.yaml`, keeping its comments: `trimline set train.fit.epochs=3`."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from tasks.commands import parser_of
from tasks.commands.stage import guarded
from tasks.core.errors import ParamsError
from tasks.core.files import replacing
from tasks.core.progress import say
from tasks.line import params_file
from tasks.line.params import WHOLE, completed, shortened

DESCRIPTION = """\
Change values of params.yaml, or of the file that is named first. Its comments stay; the whole result is checked before
anything is written."""


WORD = re.compile(r"[A-Za-z_][\w./@-]*")
CONSTANTS = {"none", "null", "true", "false", "yes", "no", "on", "off"}  # written in JSON, or meant as a text in quotes


def set_values(path: Path, changes: list[str]) -> None:
    """Apply `section.key=JSON` items, check the whole result, then write it. A word needs no quotes.

    A key need not stand in the file: one that only has a default is added, with the mappings around it.

    Raises:
        ParamsError: there is no such key, a value is no JSON, or the result breaks a rule of `params.yaml`.
    """
    parsed = [(change.partition("=")[0], _parsed(change, change.partition("=")[2])) for change in changes]
    put_values(path, dict(parsed))
    say(f"{path}: " + ", ".join(changes))


def put_values(path: Path, values: dict[str, Any]) -> None:
    """Write values by their dotted keys; see `set_values`."""
    with _edited(path) as document:
        complete = _complete(document)
        for key, value in values.items():
            _put(document, complete, key, value)


def put_recipe(path: Path, name: str, recipe: dict[str, Any]) -> None:
    """Write a recipe under `compress`, in place of one of its name or last, without its defaults; see `override`."""
    with _edited(path) as document:
        file = _plain(document)
        file["compress"][name] = recipe
        short: Any = shortened(file)["compress"]
        steps = [{key: flow(value) for key, value in step.items()} for step in short[name].get("steps", [])]
        document["compress"][name] = short[name] | ({"steps": steps} if steps else {})


def _complete(document: Any) -> Any:
    """Return the file with its defaults; of a file that is invalid before the change, those that are known."""
    raw = _plain(document)
    try:
        return params_file.resolved(raw)
    except ParamsError:
        return completed(raw)


def _put(document: Any, complete: Any, key: str, value: Any) -> None:
    """Set the value at a dotted key, in mappings that are made on the way.

    Args:
        complete: the file with its defaults: lists, and mappings of free names, start as they are by default.
    """
    section, names = document, key.split(".")
    for index, name in enumerate(names):
        entry = _entry_name(section, complete, name, key)
        complete = _default_below(complete, entry)
        if index == len(names) - 1:
            section[entry] = flow(value)
        else:
            section = _own_entry(document, section, entry, complete)


def _own_entry(document: Any, section: Any, entry: Any, default: Any) -> Any:
    """Return the entry of a section to write into: made where it is missing, copied where an alias shares it."""
    present = section.get(entry) if isinstance(section, dict) else section[entry]
    if present is None:
        whole = entry in WHOLE or (isinstance(default, list) and entry not in {"steps", "finish"})
        section[entry] = flow(deepcopy(default) if whole and default else {})
    elif present == {}:
        present.fa.set_flow_style()
    elif _uses(document, present) > 1:
        section[entry] = deepcopy(present)
        section[entry].yaml_set_anchor(None)
    return section[entry]


def _uses(node: Any, wanted: Any) -> int:
    """Count the places of a mapping or list: an anchor and its aliases are one object."""
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return sum((each is wanted and isinstance(wanted, dict | list)) + _uses(each, wanted) for each in below)


def _entry_name(section: Any, complete: Any, name: str, key: str) -> str | int:
    """Return the key or index that a name means: the steps of a recipe go by their number and by their name.

    Raises:
        ParamsError: it means none.
    """
    if isinstance(section, dict):
        steps = [step.get("step") for step in complete] if isinstance(complete, list) else []
        return steps[int(name)] if name.isdigit() and int(name) < len(steps) else name
    steps = (
        [step.get("step") if isinstance(step, dict) else None for step in section] if isinstance(section, list) else []
    )
    numbers = [str(index) for index in range(len(section))] if isinstance(section, list) else []
    if name in steps:
        return steps.index(name)
    if name not in numbers:
        raise ParamsError(got=f"the key {key!r}", expected=f"at {name!r} one of {numbers}", do="correct the override")
    return int(name)


def _default_below(complete: Any, entry: str | int) -> Any:
    if isinstance(complete, list):
        steps = [step.get("step") if isinstance(step, dict) else None for step in complete]
        found = entry if isinstance(entry, int) else steps.index(entry) if entry in steps else len(complete)
        return complete[found] if found < len(complete) else None
    return complete.get(entry) if isinstance(complete, dict) else None


def flow(value: Any) -> Any:
    """Return a mapping or list that is written in one line."""
    if not isinstance(value, dict | list):
        return value
    node = CommentedMap(value) if isinstance(value, dict) else CommentedSeq(value)
    node.fa.set_flow_style()
    return node


def _plain(document: Any) -> Any:
    return json.loads(json.dumps(document))


@contextmanager
def _edited(path: Path) -> Iterator[Any]:
    """Yield the file's values to be changed, then check the whole result and write it."""
    if not isinstance(raw := params_file.read(path), dict):  # says what is wrong with a file that is no YAML
        params_file.check(raw, path)
    yaml = editor()
    document = yaml.load(path)
    yield document
    params_file.check(_plain(document), path)
    with replacing(path) as partial:
        yaml.dump(document, partial)


def editor() -> YAML:
    """Return a reader and writer of YAML that keeps comments, quotes and the form of what it does not change."""
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 4096, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda writer, _: writer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml


def _parsed(change: str, value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        if WORD.fullmatch(value) and value.casefold() not in CONSTANTS:
            return value  # a shell takes the quotes of a text away
        raise ParamsError(
            got=change, expected='section.key=JSON, such as train.fit.epochs=3 or report.name="digits"', do="correct it"
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline set` and return its exit status."""
    parser = parser_of("set", DESCRIPTION, "trimline set train.fit.epochs=3")
    parser.usage = "trimline set [FILE] section.key=JSON ..."
    parser.add_argument("changes", nargs="+", metavar="section.key=JSON")
    changes = parser.parse_args(arguments).changes
    path = params_file.PARAMS_FILE if "=" in changes[0] else Path(changes.pop(0))
    if not changes:
        parser.error(f"no section.key=JSON after {path}")
    return guarded(lambda: set_values(path, changes), "set")


if __name__ == "__main__":
    sys.exit(main())
