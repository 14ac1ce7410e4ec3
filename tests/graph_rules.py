"""What dvc.yaml is held to: read as DVC reads it, and compared with the code that its commands run."""

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tasks.commands import stage as runner

ROOT = Path(__file__).parents[1]


def yaml(name: str) -> Any:
    return YAML(typ="safe").load(ROOT / name)


@cache
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


def keyword_paths(function: Callable[..., None]) -> list[str]:
    return runner.paths(function)


def plan_path(name: str) -> str:
    """The plan file of a stage, from the root."""
    return f"plan/{name.replace('@', '/')}.json"
