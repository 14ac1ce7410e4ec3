"""Writes docs/reference/params.md from the types and from params.yaml: `python -m docs.reference.generate`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from tasks.contracts.params import Params

PARAMS_FILE, PAGE = Path("params.yaml"), Path("docs/reference/params.md")
SCHEMA = Params.model_json_schema()
DEFINITIONS = {f"#/$defs/{name}": schema for name, schema in SCHEMA["$defs"].items()}
KINDS = {
    "null": "`null`",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "string": "text",
}
BOUNDS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<=", "pattern": "like"}
INTRODUCTION = """# `params.yaml`

Every key is needed and no other is allowed: there are no defaults. `<role>` is `base` or `target`, `<recipe>` any name;
`<n>` counts the entries of a list from 0; a word in brackets is the alternative that has the key. Made from
`tasks/contracts/params.py` and `params.yaml` by `python -m docs.reference.generate`.
"""


def params_reference() -> str:
    """Return the page: a table per section of key, allowed values, shipped values and the remark in the file."""
    shipped, parts = YAML().load(PARAMS_FILE), [INTRODUCTION]
    lines = PARAMS_FILE.read_text(encoding="utf-8").splitlines()
    for name, schema in SCHEMA["properties"].items():
        rows = [("key", "allowed", "shipped", "remark"), ("---",) * 4, *leaves(schema, name, [(shipped, name)], lines)]
        table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
        said = DEFINITIONS.get(schema.get("$ref"), {}).get("description") or remark(shipped, name, lines)
        parts.append("\n\n".join(filter(None, [f"## `{name}`", said, table])) + "\n")
    return "\n".join(parts)


def leaves(schema: Any, path: str, places: list[tuple[Any, Any]], lines: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield a row per value below `path`; `places` are the shipped (parent, key) pairs that `path` stands for."""
    schema, here = DEFINITIONS.get(schema.get("$ref"), schema), [parent[key] for parent, key in places]
    roles, recipes = schema.get("additionalProperties"), [*schema.get("patternProperties", {}).values()]
    if "discriminator" in schema:
        for name, option in schema["discriminator"]["mapping"].items():
            chosen = [place for place in places if place[0][place[1]][schema["discriminator"]["propertyName"]] == name]
            yield from leaves({"$ref": option}, f"{path}({name})", chosen, lines)
    elif referred := [option for option in schema.get("anyOf", []) if "$ref" in option]:
        yield f"`{path}`", "`null` or the keys below", _shown(places), _remark(places, lines)
        yield from leaves(referred[0], path, [place for place in places if place[0][place[1]] is not None], lines)
    elif "properties" in schema:
        for name, part in schema["properties"].items():
            yield from leaves(part, f"{path}.{name}", [(value, name) for value in here], lines)
    elif roles or recipes:
        below = [(value, key) for value in here for key in value]
        yield from leaves(recipes[0] if recipes else roles, f"{path}.<{_key_below(path)}>", below, lines)
    elif schema.get("items", {}).keys() & {"discriminator", "$ref"}:
        yield from leaves(schema["items"], f"{path}.<n>", [(each, i) for each in here for i in range(len(each))], lines)
    else:
        yield f"`{path}`", allowed(schema), _shown(places), _remark(places, lines)


def _key_below(path: str) -> str:
    if path == "compress":
        return "recipe"
    return "role" if path in {"ingest", "preprocess"} else "layer" if path.endswith("layers") else "metric"


def _shown(places: list[tuple[Any, Any]]) -> str:
    """Say the scalars that are shipped; of keys with keys below, those say it."""
    values = [parent[key] for parent, key in places if not isinstance(parent[key], dict)]
    words = ("null" if value is None else str(value).lower() if isinstance(value, bool) else value for value in values)
    return ", ".join(dict.fromkeys(f"`{word}`" for word in words)) or ("as below" if places else "not used")


def _remark(places: list[tuple[Any, Any]], lines: list[str]) -> str:
    return next(filter(None, (remark(parent, key, lines) for parent, key in places)), "")


def allowed(schema: Any) -> str:
    """Say in words what a schema takes."""
    if "anyOf" in schema:
        return " or ".join(map(allowed, schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array":
        parts = ", ".join(map(allowed, schema.get("prefixItems", [])))
        return f"[{parts}]" if parts else f"list of {allowed(schema['items'])}, at least {schema.get('minItems', 0)}"
    bounds = [f"{sign} `{schema[name]}`" for name, sign in BOUNDS.items() if name in schema]
    return f"{KINDS[schema['type']]} {' and '.join(bounds)}".strip()


def remark(parent: Any, key: Any, lines: list[str]) -> str:
    """Return the comment beside a key of the file; of several keys in one line the first has it."""
    first = isinstance(parent, CommentedMap) and (not parent.fa.flow_style() or next(iter(parent)) == key)
    return lines[parent.lc.key(key)[0]].partition(" # ")[2].strip() if first else ""


if __name__ == "__main__":
    PAGE.write_text(params_reference(), encoding="utf-8")
