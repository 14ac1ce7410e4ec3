"""Reading `params.yaml`, with all of its problems listed at once."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.contracts.errors import ParamsError
from tasks.contracts.params import Params, typed

PARAMS_FILE = Path("params.yaml")


def load(path: Path = PARAMS_FILE) -> Params:
    """Read and check the whole file.

    Raises:
        ParamsError: the file is missing, is no YAML, or any key of any section is missing, unknown or of a wrong type.
    """
    try:
        raw = YAML(typ="safe").load(path)  # DVC's own parser: PyYAML reads 1e-3 as a string
    except FileNotFoundError:
        raise ParamsError(
            got=f"no {path} in {Path.cwd().name}/",
            expected="the configuration of the model line",
            do="run from the repository's top folder; `cp presets/fashion_mnist.yaml params.yaml` makes a new one",
        ) from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ParamsError(
            got=f"{getattr(error, 'problem', None) or error}{where} of {path}", expected="YAML", do=f"mend {path}"
        ) from None
    return check(raw, path)


def check(raw: Any, path: Path = PARAMS_FILE) -> Params:
    """Check a parsed file; see `load`."""
    try:
        return typed(raw).model_validate(raw)
    except ValidationError as error:
        problems = [_sentence(problem, raw) for problem in error.errors()]
        raise ParamsError(
            got=f"{len(problems)} problem{'s' * (len(problems) > 1)} in {path}:\n  " + "\n  ".join(problems),
            expected="every key of every section, of its type, and no other",
            do=f"correct {path}; docs/reference/params.md lists the keys",
        ) from None


def _sentence(problem: Any, raw: Any) -> str:
    where = _path(problem["loc"], raw)
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] in {"missing", "extra_forbidden"}:
        return (
            f"{where}: " + {"missing": "this key is missing", "extra_forbidden": "this key is unknown"}[problem["type"]]
        )
    got = "" if problem["type"] == "value_error" else f", got {problem['input']!r}"
    return f"{where or 'the file'}: {message}{got}"


def _path(parts: tuple[Any, ...], value: Any) -> str:
    """Return the place in the file; pydantic's tags of unions, which are no keys, are left out."""
    names = []
    for index, part in enumerate(parts):
        inside = part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        if inside or index == len(parts) - 1:
            names.append(str(part))
        value = value[part] if inside else value
    return ".".join(names)
