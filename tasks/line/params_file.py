"""Reading `params.yaml`, with all of its problems listed at once: unknown keys, wrong values, unknown layers."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.core.errors import ParamsError
from tasks.core.params import Settings, Value
from tasks.line.params import Params, completed, kind_settings, known_defaults, names_of, typed, validated

PARAMS_FILE = Path("params.yaml")


def load(path: Path = PARAMS_FILE) -> Params:
    """Read and check the whole file, and fill in the defaults.

    Raises:
        ParamsError: the file is missing, is no YAML, or any key of any section is missing, unknown or of a wrong type.
    """
    return check(read(path), path)


def read(path: Path = PARAMS_FILE) -> Value:
    """Read the file as it is, without defaults and unchecked.

    Raises:
        ParamsError: the file is missing, or is no YAML.
    """
    try:
        found: Value = YAML(typ="safe").load(path)  # DVC's own parser: PyYAML reads 1e-3 as a string
    except FileNotFoundError:
        raise ParamsError(
            got=f"no {path} in {Path.cwd().name}/",
            do="run from the repository's top folder; `cp presets/fashion_mnist.yaml params.yaml` makes a new one",
        ) from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ParamsError(
            got=f"{getattr(error, 'problem', None) or error}{where} of {path}",
            expected="valid YAML",
            do=f"correct {path}",
        ) from None
    return found


def check(raw: Any, path: Path = PARAMS_FILE) -> Params:
    """Check a parsed file, and fill in the defaults; see `load`."""
    problems = _unknown_recipes(raw)
    try:
        line = validated(raw)
    except ValidationError as error:
        problems += _sentences(error, raw)
    if not problems:
        return line
    raise ParamsError(
        got=f"{len(problems)} problem{'s' * (len(problems) > 1)} in {path}:\n  " + "\n  ".join(problems),
        expected="known keys with values of their types, and every key that has no default",
        do=f"correct {path}; docs/reference/params.md lists the keys, `trimline params` prints their values",
    )


def resolved(raw: Any) -> Settings:
    """Return a parsed file as a complete one, in the types of JSON, all defaults written out.

    Raises:
        ParamsError: see `load`.
    """
    found: Settings = check(raw).model_dump(mode="json")
    return found


def _unknown_recipes(raw: Any) -> list[str]:
    recipes = raw.get("compress") if isinstance(raw, dict) else None
    if not isinstance(recipes, dict) or kind_settings(names_of(raw)[0]) is None:
        return []
    built_in = sorted(known_defaults(*names_of(raw)).part("compress"))
    return [
        f"compress.{name}: an empty recipe, and {name!r} is not built in{_nearest(str(name), built_in)}. Give it "
        f"steps, precision or finish, or take one of {', '.join(built_in)}"
        for name, body in recipes.items()
        if body == {} and name not in built_in
    ]


def _sentences(error: ValidationError, raw: Any) -> list[str]:
    """Say each problem; where the kind is wrong, what is missing depends on it and is not said."""
    problems, complete, names = error.errors(), completed(raw), names_of(raw)
    if any(problem["loc"] == ("kind",) for problem in problems):
        problems = [problem for problem in problems if problem["type"] != "missing" or len(problem["loc"]) == 1]
    return [_sentence(problem, typed(*names), complete, raw) for problem in problems]


def _sentence(problem: Any, model: type[BaseModel], complete: Value, raw: Value) -> str:
    where = _path(problem["loc"], complete, raw)
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "missing":
        about = _fields(model, problem["loc"][:-1], complete).get(problem["loc"][-1], "")
        return f"{where}: this key is missing" + (f" ({about})" if about else "")
    if problem["type"] == "extra_forbidden":
        allowed = sorted(_fields(model, problem["loc"][:-1], complete))
        near = _nearest(problem["loc"][-1], allowed)
        return f"{where}: this key is unknown{near or ', allowed: ' + ', '.join(allowed)}"
    if problem["type"] in {"model_type", "dict_type", "model_attributes_type"}:
        message = "should be a mapping of keys to values, such as {}"
    got = "" if problem["type"] == "value_error" else f", got {problem['input']!r}"
    return f"{where or 'the file'}: {message}{got}"


def _nearest(name: Any, allowed: list[str]) -> str:
    found = get_close_matches(str(name), allowed, n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _path(parts: tuple[Any, ...], complete: Any, raw: Any) -> str:
    """Return the place in the file; pydantic's tags of unions, which are no keys, are left out.

    A step that the file has by name is named so, and not by its number in the list that the mapping became.
    """
    names: list[str] = []
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        inside = _is_key(part, complete, last=last)
        key = complete[part].get("step", part) if inside and isinstance(raw, dict) and type(part) is int else part
        if inside or last:
            names.append(str(key))
        complete = complete[part] if inside else complete
        raw = _below(raw, key) if inside else raw
    return ".".join(names)


def _is_key(part: Any, value: Any, *, last: bool) -> bool:
    """Whether a part of pydantic's location is a key of a value, and not the tag of a union, which may look so."""
    if isinstance(value, list):
        return type(part) is int
    return isinstance(value, dict) and part in value and (last or isinstance(value[part], dict | list))


def _below(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    return value[key] if isinstance(value, list) and type(key) is int and key < len(value) else None


def _fields(model: type[BaseModel], parts: tuple[Any, ...], value: Any) -> dict[str, str]:
    """Return the fields that a section at a place may have, with their descriptions."""
    kind: Any = model
    for part in parts:
        if _is_key(part, value, last=False):
            kind, value = _type_below(kind, part, value), value[part]
    return {
        name: field.description or ""
        for section in _sections(kind)
        if _fits(section, value)
        for name, field in section.model_fields.items()
    }


def _type_below(kind: Any, part: Any, value: Any) -> Any:
    if get_origin(kind) in (dict, list):
        return get_args(kind)[-1]
    for section in _sections(kind):
        if part in section.model_fields and _fits(section, value):
            return section.model_fields[part].annotation
    inner = [each for each in get_args(kind) if get_origin(each) in (dict, list)]
    return get_args(inner[0])[-1] if inner else Any


def _sections(kind: Any) -> list[type[BaseModel]]:
    """Return the sections that a type names: itself, or the members of a union."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [] if get_origin(kind) in (dict, list) else [found for each in get_args(kind) for found in _sections(each)]


def _fits(section: type[BaseModel], value: Any) -> bool:
    """Whether a section of a union is the one that `step` or `source` of the value names."""
    for tag in {"step", "source"} & section.model_fields.keys():
        if isinstance(value, dict) and value.get(tag) not in get_args(section.model_fields[tag].annotation):
            return False
    return True
