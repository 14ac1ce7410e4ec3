"""Writes docs/reference/params.md from the types of the settings: `python -m docs.reference.generate`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tasks.core.params import Settings, modules
from tasks.core.params.data import PackageSource, PathSource, Preprocess, UrlSource
from tasks.core.params.recipes import Finish, Recipe, Step
from tasks.core.params.training import Base, Fit, Trained
from tasks.line.params import Params, architecture_settings, kind_settings, known_defaults

PAGE = Path("docs/reference/params.md")
SOURCES: dict[str, type[BaseModel]] = {"package": PackageSource, "path": PathSource, "url": UrlSource}
TYPES = {
    "null": "`null`",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "string": "text",
}
BOUNDS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<=", "pattern": "like"}
INTRODUCTION = """# `params.yaml`

The file states what differs from the defaults; `trimline params` prints all settings of your line. A key without a
default is required where its section is given. Where the default differs by kind, those that differ are named.

A value is looked up in `params.yaml`, then in the defaults of the architecture, of the kind, and of the key. Mappings
are merged key by key. Lists replace the default as a whole, and so do mappings whose keys are free names: `at_least`,
`at_most`, `max_drop`, `layers`, `columns`, `split_folders`, and `tokenizer`.

Every training run after the first one has the batch size and the augmentation of the first one, `train.fit`, or
`fine_tune.head` where the base model is not trained here. `fine_tune` is `null` by default where `train.data` is
`target`, unless the architecture needs it.

`python -m docs.reference.generate` writes this page from the types in `tasks/`.
"""

Defaults = Mapping[str, Any]  # by kind or architecture: a value, or MISSING
MISSING = object()


def params_reference() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    by_kind = {kind: _known(kind) for kind in modules("kinds")}
    own = {"ingest": _ingest, "preprocess": _preprocess, "train": _train, "compress": _compress}
    for name, field in Params.model_fields.items():
        if name in own:
            parts.append(f"## `{name}`\n\n{own[name]()}")
        elif section := _section(field):
            values = {kind: _below(values, name) for kind, values in by_kind.items()}
            parts.append(
                f"## `{name}`\n\n{_text(section)}\n\n{_table(_optional(name, field, by_kind, section, values))}"
            )
        else:
            parts.append(f"## `{name}`\n\n{_table([_row(Params, name, field, name, {})])}")
    starts = {kind: _below(values, "fit") for kind, values in by_kind.items()}
    parts.append(f"## Training runs\n\n{_text(Fit)}\n\n{_table(rows(Fit, '<run>', starts))}")
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def rows(section: type[BaseModel], path: str, defaults: Defaults) -> Iterator[tuple[str, ...]]:
    """Yield a row for each setting below a section.

    Args:
        section: its type.
        path: its dotted key.
        defaults: of the section, by kind or architecture.
    """
    for name, field in section.model_fields.items():
        below = {kind: _below(values, name) for kind, values in defaults.items()}
        inner = _section(field)
        if inner is Fit:
            yield _run(f"{path}.{name}", field, below)
            continue
        if inner is None or _is_optional(field):
            yield _row(section, name, field, f"{path}.{name}", below)
        if inner is not None:
            several = ".<n>" if get_origin(field.annotation) is list else ""
            yield from rows(inner, f"{path}.{name}{several}", below)


def _optional(
    name: str, field: FieldInfo, by_kind: Defaults, section: type[BaseModel], values: Defaults
) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a section of the file, the first for the section itself where it may be null."""
    if _is_optional(field):
        left_out = [kind for kind in by_kind if name in known_defaults(kind, _architecture(kind)).left_out]
        wanted = ", ".join(kind for kind in by_kind if kind not in left_out)
        yield f"`{name}`", "`null` or the keys below", f"`null`; {wanted}: as below", "`null` leaves this section out"
    yield from rows(section, name, values)


def _ingest() -> str:
    tables = [f"### `source: {name}`\n\n{_text(source)}\n\n{_table(rows(source, 'ingest.<role>', {}))}"
              for name, source in SOURCES.items()]  # fmt: skip
    return "\n\n".join([f"{_about('ingest')}. `<role>` is `base` or `target`; `base` is optional.", *tables])


def _preprocess() -> str:
    by_kind = {kind: _below(_known(kind), "preprocess") for kind in modules("kinds")}
    parts = [f"{_about('preprocess')}.", _table(rows(Preprocess, "preprocess.<role>", by_kind))]
    for kind, values in by_kind.items():
        module = kind_settings(kind)
        assert module is not None
        section: type[BaseModel] = module.Preprocess
        own = [row for row in rows(section, "preprocess.<role>", {kind: values}) if not _shared(row, Preprocess)]
        parts += [f"### `kind: {kind}`", _table(own)]
    return "\n\n".join(parts)


def _train() -> str:
    names = modules("models/architectures")
    by_name = {name: _below(_defaults(name), "train") for name in names}
    trained = {name: values for name, values in by_name.items() if issubclass(_train_of(name), Trained)}
    chosen = _by_kind({kind: f"`{_architecture(kind)}`" for kind in modules("kinds")})
    shared = [
        (*row[:2], chosen, row[3]) if row[0] == "`train.architecture`" else row
        for row in rows(Trained, "train", trained)
    ]
    parts = [
        "The base model. Architectures that are not trained here have no `workers`, `speed` and `fit`.",
        _table(shared),
    ]
    for name, values in by_name.items():
        own = [row for row in rows(_train_of(name), "train", {name: values}) if not _shared(row, Trained)]
        parts += [f"### `architecture: {name}`", _text(_train_of(name)), *([_table(own)] if own else [])]
        others = [f"`{key}: {value}`" for key, value in _flat(_defaults(name)) if not key.startswith("train.")]
        parts += [f"Other defaults: {', '.join(others)}."] if others else []
    return "\n\n".join(parts)


def _compress() -> str:
    kinds = modules("kinds")
    parts = [f"{_about('compress')}. {_text(Recipe)}", _table(rows(Recipe, "compress.<recipe>", {}))]
    parts += [f"Built in for `{kind}`: {_list(known_defaults(kind, _architecture(kind)).part('compress'))}."
              for kind in kinds]  # fmt: skip
    for part, union in (("steps", Step), ("finish", Finish)):
        steps: tuple[type[BaseModel], ...] = get_args(get_args(union)[0])
        for step in steps:
            name = get_args(step.model_fields["step"].annotation)[0]
            by_kind = {kind: _below(known_defaults(kind, _architecture(kind)).part("steps"), name) for kind in kinds}
            parts += [
                f"### `{part}`: `{name}`",
                _text(step),
                _table(rows(step, f"compress.<recipe>.{part}.{name}", by_kind)),
            ]
    return "\n\n".join(parts)


def _run(path: str, field: FieldInfo, defaults: Defaults) -> tuple[str, ...]:
    """Return the row of a training run, whose keys are explained once; its default is what differs from those."""
    shown = {kind: _shown({} if value is MISSING else value) for kind, value in defaults.items()} or {"": "`{}`"}
    return f"`{path}`", "a [training run](#training-runs)", _by_kind(shown), field.description or ""


def _row(section: type[BaseModel], name: str, field: FieldInfo, path: str, defaults: Defaults) -> tuple[str, ...]:
    schema = section.model_json_schema()
    explained = (field.description or "").removesuffix(".")
    return (
        f"`{path}`",
        allowed(schema["properties"][name], schema.get("$defs", {})),
        _default(field, defaults),
        explained,
    )


def _default(field: FieldInfo, defaults: Defaults) -> str:
    """Say the default: the commonest first, then those that differ, with their kinds or architectures."""
    if isinstance(field.json_schema_extra, dict) and all(value is MISSING for value in defaults.values()):
        return str(field.json_schema_extra["default_in_words"])
    own = field.get_default(call_default_factory=True)
    values = {kind: own if value is MISSING else value for kind, value in defaults.items()} or {"": own}
    inner = _section(field)
    if inner is not None and get_origin(field.annotation) is not list:
        values = {kind: inner(**value) if isinstance(value, dict) else value for kind, value in values.items()}
    return _by_kind({kind: _shown(value) for kind, value in values.items()})


def _by_kind(shown: Mapping[str, str]) -> str:
    ((commonest, _),) = Counter(shown.values()).most_common(1)
    others = [f"{kind} {value}" for kind, value in shown.items() if value != commonest]
    return "; ".join([commonest, *others])


def _shown(value: Any) -> str:
    if value is PydanticUndefined or value is MISSING:
        return "required"
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return f"`{_inline(value)}`"


def _inline(value: Any) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def allowed(schema: Any, definitions: Any) -> str:
    """Say in words what a schema takes."""
    schema = definitions.get(schema.get("$ref", "").rpartition("/")[2], schema)
    if options := schema.get("anyOf", schema.get("oneOf")):
        return " or ".join(dict.fromkeys(allowed(option, definitions) for option in options))
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if "properties" in schema:
        return "the keys below"
    if schema["type"] == "object":
        values = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))
        return f"mapping of names to: {allowed(values, definitions)}"
    if schema["type"] == "array":
        return _allowed_list(schema, definitions)
    bounds = [f"{sign} `{schema[name]}`" for name, sign in BOUNDS.items() if name in schema]
    return f"{TYPES[schema['type']]} {' and '.join(bounds)}".strip()


def _allowed_list(schema: Any, definitions: Any) -> str:
    if parts := schema.get("prefixItems"):
        return f"[{', '.join(allowed(part, definitions) for part in parts)}]"
    least = f", at least {schema['minItems']}" if "minItems" in schema else ""
    return f"list of {allowed(schema['items'], definitions)}{least}"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section that a field is, may be, or lists; None where it is a value or one of several sections."""
    options = [field.annotation, *get_args(field.annotation)]
    found = [option for option in options if isinstance(option, type) and issubclass(option, BaseModel)]
    return found[0] if len(found) == 1 and get_origin(field.annotation) is not dict else None


def _is_optional(field: FieldInfo) -> bool:
    return type(None) in get_args(field.annotation) or get_origin(field.annotation) is list


def _below(values: Any, name: str) -> Any:
    """Return the default of a key, MISSING where only its field has one."""
    return values.get(name, MISSING) if isinstance(values, dict) else MISSING


def _known(kind: str) -> Settings:
    """Return the defaults of a kind with its own architecture."""
    return known_defaults(kind, _architecture(kind)).values


def _architecture(kind: str) -> str:
    module = kind_settings(kind)
    return str(module.DEFAULTS["train"]["architecture"]) if module else ""


def _defaults(architecture: str) -> Any:
    module = architecture_settings(architecture)
    return module.DEFAULTS if module else {}


def _train_of(architecture: str) -> type[Base]:
    module = architecture_settings(architecture)
    assert module is not None
    found: type[Base] = module.Train
    return found


def _shared(row: tuple[str, ...], section: type[BaseModel]) -> bool:
    """Whether a row is of a setting that all kinds or architectures have."""
    key = row[0].strip("`").removeprefix("preprocess.<role>.").removeprefix("train.")
    return key.split(".")[0] in section.model_fields


def _flat(values: Any, path: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict) and name not in {"layers", "tokenizer"}:
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", _inline(value)


def _about(name: str) -> str:
    text = Params.model_fields[name].description or ""
    return text[:1].upper() + text[1:]


def _text(section: type[BaseModel]) -> str:
    """Return a section's docstring without the part for programmers."""
    text = (section.__doc__ or "").partition("\n\n    Attributes:")[0]
    return "\n".join(line.strip() for line in text.splitlines()).strip()


def _list(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(found: Any) -> str:
    lines = [("key", "allowed", "default", "explanation"), ("---",) * 4, *found]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


if __name__ == "__main__":
    PAGE.write_text(params_reference(), encoding="utf-8")
