"""Names in the parameters that lead nowhere: metrics, columns, recipes, precisions, device profiles.

`plan` asks before anything runs. What only a loaded network or the raw data can tell is asked later.
"""

import csv
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tasks.core.files import read_json, shipped
from tasks.core.params.data import PathSource, UrlSource
from tasks.core.params.gates import CLASSIFIER_METRICS
from tasks.line.params import Params, kind_settings

BOUNDS = ("at_least", "at_most", "max_drop", "max_relative_drop")


def problems(line: Params, schemas: Path) -> list[str]:
    """Say what is wrong with the parameters beside their types and the names of layers.

    Args:
        line: the parameters.
        schemas: the folder of the schemas; one that is not there yet is no problem.
    """
    return [
        *_metric_problems(line),
        *_device_problems(line),
        *_unsure_problems(line),
        *_accept_problems(line),
        *_recipe_problems(line),
        *_training_problems(line),
        *_slice_problems(line),
        *_schema_problems(line, schemas),
    ]


def _metric_problems(line: Params) -> Iterator[str]:
    """Say which bounds name no metric of the kind."""
    known = _metrics(line)
    bounds = {f"release.{key}": getattr(line.release, key) for key in BOUNDS}
    bounds |= {f"compare.{key}": getattr(line.compare, key) for key in ("max_drop", "max_relative_drop")}
    for key, named in bounds.items():
        for name in named:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                meant = f"did you mean {near[0]}?" if near else f"the metrics are {', '.join(known)}"
                yield f"{key}.{name}: no metric of {line.kind}; {meant}"


def _metrics(line: Params) -> list[str]:
    names: tuple[str, ...] = vars(kind_settings(line.kind))["METRICS"]
    return [name.format(top_k=line.evaluate.top_k) for name in names]


def _device_problems(line: Params) -> Iterator[str]:
    """Say that there is no such device profile."""
    known = sorted(path.stem for path in shipped("presets/devices").glob("*.yaml"))
    if line.release.device not in known:
        yield f"release.device: {line.release.device} is no file of presets/devices; there are {', '.join(known)}"


def _unsure_problems(line: Params) -> Iterator[str]:
    """Say that only classifiers can be unsure."""
    if line.evaluate.unsure is not None and vars(kind_settings(line.kind))["METRICS"] != CLASSIFIER_METRICS:
        yield f"evaluate.unsure: {line.kind} has no classes; write null"


def _accept_problems(line: Params) -> Iterator[str]:
    accept = line.release.accept
    if accept and accept.recipe not in line.compress:
        there = ", ".join(line.compress)
        yield f"release.accept.recipe: {accept.recipe} is no recipe of this line; there are {there}"


def _recipe_problems(line: Params) -> Iterator[str]:
    """Say what recipes ask for that files of the kind cannot have."""
    precisions: tuple[str, ...] | None = vars(kind_settings(line.kind)).get("PRECISIONS")
    for name, recipe in line.compress.items():
        if precisions and recipe.precision not in precisions:
            yield (
                f"compress.{name}.precision: {recipe.precision} is none of {line.kind}; there are "
                f"{', '.join(precisions)}"
            )
        if _has_images(line):
            continue
        if steps := [step.step for step in recipe.finish if step.step != "slim"]:
            yield f"compress.{name}.finish: {', '.join(steps)} is for images alone; take it out, or leave slim"
        if recipe.float_layers:
            yield f"compress.{name}.float_layers: for images alone; leave the list empty"


def _has_images(line: Params) -> bool:
    return "image_shape" in type(line.preprocess["target"]).model_fields


def _training_problems(line: Params) -> Iterator[str]:
    """Say what is asked of the training that the kind has not."""
    if vars(kind_settings(line.kind)).get("DECODES"):
        for section in ("fine_tune", "cross_validate"):
            if getattr(line, section) is not None:
                yield f"{section}: {line.kind} has none; write `{section}: null`"
    if not _has_images(line):
        used = line.model_dump(mode="json", include={"train", "fine_tune", "compress", "search"})
        for key in _keys_of(used, "augment"):
            yield f"{key}: only images can be augmented; write null"


def _keys_of(value: Any, wanted: str, above: str = "") -> Iterator[str]:
    """Yield the dotted keys of a name that are not null."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        where = f"{above}.{key}" if above else str(key)
        if key == wanted and each is not None:
            yield where
        else:
            yield from _keys_of(each, wanted, where)


def _slice_problems(line: Params) -> Iterator[str]:
    """Say which slices or groups name no column of the target's attributes, where these are known."""
    named = {f"evaluate.slices.{index}.column": one.column for index, one in enumerate(line.evaluate.slices)}
    if line.cross_validate and line.cross_validate.group:
        named["cross_validate.group"] = line.cross_validate.group
    for index, one in enumerate(line.evaluate.slices):
        if one.at_least is not None and one.below is not None and one.at_least >= one.below:
            yield f"evaluate.slices.{index}: no row is at least {one.at_least:g} and below {one.below:g}"
    file = line.preprocess["target"].attributes
    if file is None:
        for key, name in named.items():
            yield f"{key}: {name}, and preprocess.target.attributes is null: name the CSV file that has the column"
        return
    columns = _attributes(line, file)
    for key, name in named.items() if columns is not None else ():
        if name not in (columns or ()):
            there = ", ".join(columns or ()) or "none"
            yield f"{key}: {name} is no column of {file}; there are {there}"


def _attributes(line: Params, file: str) -> list[str] | None:
    """Return the columns of a file of attributes, None where it does not lie here unpacked."""
    source = line.ingest["target"]
    if not isinstance(source, PathSource | UrlSource):
        return None
    path = Path(source.tracked) / file
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as rows:
        header = next(csv.reader(rows), [])
    return [name for name in header if name != "source"]


def _schema_problems(line: Params, schemas: Path) -> Iterator[str]:
    """Say where parameters and a schema of the same kind name other columns, or a bound needs more classes."""
    for role, params in line.preprocess.items():
        schema = schema_of(schemas / f"{role}.json")
        if schema.get("kind") != line.kind:
            continue
        for key in ("numeric", "categorical"):
            if key in schema and key in type(params).model_fields:
                yield from _column_problems(role, key, set(getattr(params, key)), set(schema[key]))
        if role == "target" and "classes" in schema:
            yield from _class_problems(line, len(schema["classes"]))


def _column_problems(role: str, key: str, named: set[str], promised: set[str]) -> Iterator[str]:
    again = f"where the data have changed, `trimline schema {role} --replace` writes a new one"
    for name in sorted(named - promised):
        near = get_close_matches(name, promised - named, n=1)
        meant = f"; did you mean {near[0]}?" if near else f"; {again}"
        yield f"preprocess.{role}.{key}: {name} is not in schemas/{role}.json{meant}"
    for name in sorted(promised - named):
        yield f"preprocess.{role}.{key} lacks {name}, which schemas/{role}.json has; {again}"


def _class_problems(line: Params, classes: int) -> Iterator[str]:
    """Say which bounds are on a top-k accuracy that is undefined."""
    name = f"top_{line.evaluate.top_k}_accuracy"
    used = [f"release.{key}.{name}" for key in BOUNDS if name in getattr(line.release, key)]
    if classes <= line.evaluate.top_k:
        for key in used:
            yield f"{key}: undefined with {classes} classes; take the bound out, or lower evaluate.top_k"


def schema_of(path: Path) -> dict[str, Any]:
    """Return a schema, {} where there is none or it is no JSON: it is replaced in any case."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
