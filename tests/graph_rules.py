"""What dvc.yaml is held to: read as DVC reads it, and compared with the code that its commands run."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
INTERPOLATED = "[a-z0-9_]+"


def yaml(name: str) -> Any:
    return YAML(typ="safe").load(ROOT / name)


def resolved_stages(parameters: str = "params.yaml") -> dict[str, dict[str, Any]]:
    """Every stage of dvc.yaml, foreach unrolled and `${...}` filled in from a file of parameters, by its name."""
    params, stages = yaml(parameters), {}
    for name, stage in yaml("dvc.yaml")["stages"].items():
        if "foreach" not in stage:
            stages[name] = _filled(stage, params)
            continue
        for key, item in _looked_up(stage["foreach"][2:-1], params).items():
            stages[f"{name}@{key}"] = _filled(stage["do"], params | {"key": key, "item": item})
    return stages


def _filled(value: Any, scope: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {_filled(key, scope): _filled(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, scope) for item in value]
    if isinstance(value, str):
        return re.sub(r"\$\{([^}]+)\}", lambda match: str(_looked_up(match[1], scope)), value)
    return value


def _looked_up(path: str, scope: Any) -> Any:
    for name in path.split("."):
        scope = scope[name]
    return scope


def entries(stage: dict[str, Any], *kinds: str) -> list[str]:
    """The paths under the given keys of a stage, without their options."""
    values = [value for kind in kinds for value in stage.get(kind, [])]
    return [next(iter(value)) if isinstance(value, dict) else value for value in values]


def function_of(name: str) -> Callable[..., None]:
    module = name.split("@", maxsplit=1)[0]
    function: Callable[..., None] = getattr(import_module(f"tasks.{module}"), module)
    return function


def imported_files(starts: list[str]) -> set[str]:
    """The files of `tasks/` that are imported, directly or not, at the top of a module or inside a function."""
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += [file for module in _imports(path) for file in _files_of(module)]
    return seen


def names_made_at_run_time(path: str) -> list[str]:
    """Patterns of the files that a module imports by a name it makes: import_module(f"tasks.kinds.{kind}.rows")."""
    calls = (node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call))
    joined = [
        node.args[0]
        for node in calls
        if getattr(node.func, "id", None) == "import_module" and isinstance(node.args[0], ast.JoinedStr)
    ]
    return ["".join(_pattern(part) for part in name.values) + r"\.py" for name in joined]


def code_of(stage: str) -> tuple[set[str], list[str]]:
    """The modules that a stage imports for a kind, source or architecture of any name, and the patterns of those names.

    One dvc.yaml serves all of them: what stands behind a name is a dependency by its template, and what such modules
    import is one of every line.
    """
    patterns: set[str] = set()
    found = imported_files([f"tasks/{stage}.py"])
    while new := {pattern for file in found for pattern in names_made_at_run_time(file)} - patterns:
        patterns |= new
        found |= imported_files([path for path in _every_file() for pattern in new if re.fullmatch(pattern, path)])
    return {path for path in found if not any(re.fullmatch(pattern, path) for pattern in patterns)}, sorted(patterns)


def _every_file() -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in (ROOT / "tasks").rglob("*.py")]


def _pattern(part: ast.expr) -> str:
    return re.escape(str(part.value).replace(".", "/")) if isinstance(part, ast.Constant) else INTERPOLATED


def _imports(path: str) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def _files_of(module: str) -> Iterator[str]:
    """The module's own file, and those of the packages around it that hold code."""
    parts = module.split(".")
    packages = ["/".join([*parts[:end], "__init__.py"]) for end in range(1, len(parts) + 1)]
    files = [*packages, module.replace(".", "/") + ".py"] if parts[0] == "tasks" else []
    yield from (path for path in files if (ROOT / path).is_file() and (ROOT / path).stat().st_size)


def keyword_paths(function: Callable[..., None]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
