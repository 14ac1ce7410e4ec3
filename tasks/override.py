"""Changes values of `params.yaml`, keeping its comments: `trimline set params.yaml train.fit.epochs=3`."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from tasks.commands import parser_of
from tasks.contracts import params_file
from tasks.contracts.errors import ParamsError
from tasks.contracts.files import replacing
from tasks.contracts.progress import say
from tasks.contracts.stage import guarded

DESCRIPTION = """\
Change values of a params.yaml. Its comments stay; the whole result is checked before anything is written."""


def override(path: Path, changes: list[str]) -> None:
    """Apply `section.key=JSON` items, check the whole result, then write it.

    Raises:
        ParamsError: a key is not there, a value is no JSON, or the result breaks a rule of `params.yaml`.
    """
    with _edited(path) as document:
        for change in changes:
            key, _, value = change.partition("=")
            *parents, last = key.split(".")
            section = document
            for name in parents:
                section = _entry(section, name, key)
            _entry(section, last, key)
            section[_index(section, last)] = _parsed(change, value)
    say(f"{path}: " + ", ".join(changes))


def put_recipe(path: Path, name: str, recipe: dict[str, Any]) -> None:
    """Write a recipe under `compress`, in the place of one of its name or behind the others; see `override`."""
    steps = [{"step": step["step"], **{key: _flow(value) for key, value in step.items()}} for step in recipe["steps"]]
    with _edited(path) as document:
        document["compress"][name] = {**recipe, "steps": steps}


def _flow(value: Any) -> Any:
    """Return a mapping that is written in one line."""
    if not isinstance(value, dict):
        return value
    mapping = CommentedMap(value)
    mapping.fa.set_flow_style()
    return mapping


@contextmanager
def _edited(path: Path) -> Iterator[Any]:
    """Yield the file's values to be changed, then check the whole result and write it."""
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 4096, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda writer, _: writer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    document = yaml.load(path)
    yield document
    params_file.check(json.loads(json.dumps(document)), path)
    with replacing(path) as partial:
        yaml.dump(document, partial)


def _entry(section: Any, name: str, key: str) -> Any:
    names = list(section) if isinstance(section, dict) else [str(i) for i in range(len(section))] \
        if isinstance(section, list) else []  # fmt: skip
    if name not in names:
        raise ParamsError(got=f"the key {key!r}", expected=f"at {name!r} one of {names}", do="correct the override")
    return section[_index(section, name)]


def _index(section: Any, name: str) -> Any:
    return int(name) if isinstance(section, list) else name


def _parsed(change: str, value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise ParamsError(
            got=change, expected='section.key=JSON, such as train.fit.epochs=3 or report.name="digits"', do="correct it"
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline set` and return its exit status."""
    parser = parser_of("set", DESCRIPTION, "trimline set params.yaml train.fit.epochs=3")
    parser.add_argument("path", type=Path)
    parser.add_argument("changes", nargs="+", metavar="section.key=JSON")
    options = parser.parse_args(arguments)
    return guarded(lambda: override(options.path, options.changes), "set")


if __name__ == "__main__":
    sys.exit(main())
