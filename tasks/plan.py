"""Writes what each stage will run with: settings, digests of its code, versions of its packages. `dvc repro plan`."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.core import code_digest, environment
from tasks.core.code_digest import Choices
from tasks.core.errors import ParamsError
from tasks.core.files import replacing, shipped
from tasks.core.params import gates
from tasks.core.progress import say
from tasks.line import consistency
from tasks.line.params import Params, architecture_settings
from tasks.line.plan_file import PlanFile
from tasks.models import architectures
from tasks.models.layer_names import LayerReferences, layer_problems

# The stages that the graph has once for each entry of a section of params.yaml: of each data set, of each recipe.
ENTRIES = {
    "ingest": "ingest",
    "preprocess": "ingest",
    "compress": "compress",
    "export": "compress",
    "evaluate": "compress",
    "profile": "compress",
}
SINGLE = ("baseline", "train", "fine_tune", "cross_validate", "verdict", "report", "release")


def plan(line: Params, *, schemas: Path, plan: Path) -> None:
    """Resolve the parameters, check all that follows from them, and write `plan/<stage>.json` for each stage.

    Nothing that it writes depends on the order of the stages, on the machine or on the time; a comment in the code or
    in `params.yaml`, and a default that is written out, change no byte.

    Raises:
        ParamsError: a name in the parameters or in a rule of a schema leads nowhere.
    """
    if problems := problems_of(line, schemas):
        raise ParamsError(
            got=f"{len(problems)} problem{'s' * (len(problems) > 1)} in params.yaml:\n  " + "\n  ".join(problems),
            do="correct params.yaml; `trimline params` prints all of it, docs/reference/params.md explains each key",
        )
    if wrong := list(_rule_problems(line, schemas)):
        raise ParamsError(got="\n  ".join(wrong), do="correct `rules` in that file")
    plans = list(plans_of(line))
    with replacing(plan) as folder:
        for one in plans:
            one.write(folder)
    code_digest.remember(name for one in plans for name in one.code if "/" not in name)
    say("\n".join([f"[100%] plan: {len(plans)} stages", *_schema_notes(line, schemas)]))


def plans_of(line: Params) -> Iterator[PlanFile]:
    """Yield the plan of each stage of the line's graph."""
    for stage, section in ENTRIES.items():
        for key in getattr(line, section):
            yield _plan_of(line, stage, key)
    for stage in SINGLE:
        yield _plan_of(line, stage, None)


def _plan_of(line: Params, stage: str, key: str | None) -> PlanFile:
    names = [stage if name == "params" else name for name in _sections(stage)]
    settings = {name: _setting(line, name, key) for name in names}
    modules = code_digest.closure(f"tasks.{stage}", _choices(line, stage, key))
    return PlanFile(
        stage=f"{stage}@{key}" if key else stage,
        kind=line.kind,
        architecture=line.train.architecture if {"train", "line"} & set(names) else "",
        settings=settings,
        code=code_digest.digests(modules),
        packages=_packages(line, modules, settings),
    )


def _sections(stage: str) -> list[str]:
    """Return the positional parameters of a stage's function; its module is not imported: that may take seconds."""
    tree = ast.parse((code_digest.PACKAGE / f"{stage}.py").read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == stage)
    return [argument.arg for argument in next(functions).args.args]


def _setting(line: Params, name: str, key: str | None) -> Any:
    if name == "line":
        return line.model_dump(mode="json")
    if name == "layer_references":
        return None if _layer_types(line) is not None else _layer_references(line).model_dump(mode="json")
    if name == "device":
        return gates.load(shipped(f"presets/devices/{line.release.device}.yaml")).model_dump(mode="json")
    value = line.model_dump(mode="json", include={name})[name]
    return value[key] if key is not None and isinstance(getattr(line, name), dict) else value


def _choices(line: Params, stage: str, key: str | None) -> Choices:
    """Return which modules that are chosen by name are this line's; a stage of one data set has that one's alone."""
    roles = [key] if stage in {"ingest", "preprocess"} else list(line.ingest)
    return {
        "kinds": frozenset({line.kind}),
        "architectures": frozenset({line.train.architecture}),
        "formats": frozenset(line.preprocess[role].format for role in roles),  # type: ignore[index]
        "sources": frozenset(line.ingest[role].source for role in roles),  # type: ignore[index]
    }


def _packages(line: Params, modules: set[str], settings: dict[str, Any]) -> dict[str, str]:
    """Return the versions of the packages that can change the stage's result, sorted by name."""
    imported = code_digest.third_party(modules) & environment.COMPUTING_PACKAGES.keys()
    names = environment.with_required(environment.COMPUTING_PACKAGES[name] for name in imported)
    names |= {*data_packages(settings), *_weights_package(line, modules)}
    return {name: environment.installed_version(name) or "missing" for name in sorted(names)}


def _weights_package(line: Params, modules: set[str]) -> Iterator[str]:
    """Yield the packages that weights are taken from where no setting names them: the architecture's, a baseline's."""
    if f"tasks.models.architectures.{line.train.architecture}" in modules:
        module = architecture_settings(line.train.architecture)
        if isinstance(package := vars(module).get("PACKAGE"), str):
            yield environment.distribution_of(package)
    if "tasks.data.image_features" in modules:
        from tasks.data.image_features import PACKAGE

        yield environment.distribution_of(PACKAGE)


def data_packages(value: Any) -> Iterator[str]:
    """Yield the packages that settings take a file from; `columns` has names of the user's own."""
    if isinstance(value, dict):
        if isinstance(name := value.get("package"), str):
            yield environment.distribution_of(name)
        for key, each in value.items():
            yield from data_packages(each if key != "columns" else None)
    elif isinstance(value, list):
        for each in value:
            yield from data_packages(each)


def problems_of(line: Params, schemas: Path) -> list[str]:
    """Say what is wrong with the parameters beside their types."""
    types = _layer_types(line)
    layers = [] if types is None else layer_problems(types, line.train.architecture, _layer_references(line))
    return [*layers, *consistency.problems(line, schemas), *_rule_problems(line, schemas)]


def _layer_types(line: Params) -> architectures.LayerTypes | None:
    """Return the layers of the line's network, None where only a user's file knows them: then `train` looks there."""
    return architectures.layer_types(line.train, next(iter(line.preprocess.values())))


def _layer_references(line: Params) -> LayerReferences:
    return LayerReferences(compress=line.compress, fine_tune=line.fine_tune)


def _rule_problems(line: Params, schemas: Path) -> Iterator[str]:
    """Say which rules of a schema cannot be read, or name a column that is not there."""
    for role, params in line.preprocess.items():
        path = schemas / f"{role}.json"
        if path.is_file() and b'"rules"' in path.read_bytes():
            from tasks.data import rules, schema  # here: most schemas have no rules, and SciPy takes a second

            problems = rules.problems_of(schema.rules_in(path), params)
            yield from (f"{path}: {problem}" for problem in problems)


def _schema_notes(line: Params, schemas: Path) -> Iterator[str]:
    """Say which schemas `preprocess` will refuse; only there: a new schema needs the raw data, and these a plan."""
    for role in line.preprocess:
        path = schemas / f"{role}.json"
        if not path.is_file():
            yield f"  {path} is not there yet: `dvc repro ingest@{role}`, then `trimline schema {role}` writes it"
        elif (kind := consistency.schema_of(path).get("kind")) != line.kind:
            yield (
                f"  {path} is of kind {kind!r}, params.yaml of kind {line.kind!r}: "
                f"`dvc repro ingest@{role}`, then `trimline schema {role} --replace` writes a new one"
            )
