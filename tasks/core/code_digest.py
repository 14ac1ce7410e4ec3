"""The digest of the code that a stage runs: its modules, without comments, docstrings or layout.

A stage depends on what it imports for this line: for its kind, its architecture, its formats and sources, and for no
other. The digest is taken over a normal form of the syntax tree that is equal on all versions of Python that we allow:
`ast.dump` differs between 3.11, 3.12 and 3.13.
"""

import ast
import gc
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain, pairwise
from pathlib import Path

from tasks.core.files import replacing

PACKAGE = Path(__file__).parents[1]
ROOT = PACKAGE.parent
DIGEST_CHARACTERS = 16
CACHE = Path(".trimline") / "code.json"
# The fields of a syntax tree that change no result: layout, and what follows from the place of a node.
IGNORED_FIELDS = frozenset({"kind", "type_comment", "type_ignores", "ctx"})
MODULE_NAME = re.compile(r"tasks(\.[a-z][a-z0-9_]*)+")
INTERPOLATED = r"[a-z0-9_]+"
# A package whose modules are chosen by name: the part of the name behind one of these has to be among the choices.
CHOSEN_IN = ("kinds", "architectures", "formats", "sources")
DATA_FOLDER = "templates"

Choices = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Source:
    """What the code of one module is and what it imports.

    Attributes:
        digest: of its normal form.
        imports: (module, name taken from it, what is used of that name); both may be empty.
        third_party: the first parts of the names of all other modules that it imports.
        chosen: patterns of the names of modules that a top-level definition imports by a name made at run time; the
            key "" stands for the module itself.
        uses: the top-level definitions that each top-level definition names.
    """

    digest: str
    imports: list[tuple[str, str, list[str]]]
    third_party: list[str]
    chosen: dict[str, list[str]]
    uses: dict[str, list[str]]


def closure(start: str, choices: Choices) -> set[str]:
    """Return the names of the modules of `tasks` that a module imports, directly or not, itself among them.

    Imports inside functions count, those under `if TYPE_CHECKING` do not. A module that is imported by a name made at
    run time counts where the definition that makes the name is used.

    Args:
        start: such as `tasks.train`.
        choices: the names that this line chooses, by the package that they are looked up in: `kinds`, ...
    """
    seen: set[tuple[str, str]] = set()
    modules: set[str] = set()
    waiting = [(start, name) for name in ("", *source_of(start).chosen)]
    while waiting:
        module, name = waiting.pop()
        if (module, name) in seen:
            continue
        seen.add((module, name))
        if module not in modules:
            modules.add(module)
            waiting += _imported(module) + [(parent, "") for parent in _parents(module)]
        source = source_of(module)
        for pattern in source.chosen.get(name, []):
            waiting += [(found, part) for found in _matching(pattern, choices) for part in _all_parts(found)]
        waiting += [(module, used) for used in source.uses.get(name, [])]
    return modules


def _imported(module: str) -> list[tuple[str, str]]:
    """Return (module, definition that is used of it) for all imports of a module."""
    found = []
    for origin, name, used in source_of(module).imports:
        submodule = f"{origin}.{name}"
        if name and _path_of(submodule):
            found += [(submodule, part) for part in ("", *used)]
        elif _path_of(origin):
            found += [(origin, _definition(origin, part)) for part in ("", *([name] if name else used))]
    return found


def _definition(module: str, name: str) -> str:
    """Return what gives a module a name: a definition, or `__getattr__` for a name that it has no other way."""
    source = source_of(module)
    return "__getattr__" if name and name not in source.uses and "__getattr__" in source.uses else name


def _all_parts(module: str) -> tuple[str, ...]:
    return ("", *source_of(module).chosen)


def _parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts)))


def _matching(pattern: str, choices: Choices) -> list[str]:
    return [name for name in _every_module() if re.fullmatch(pattern, name) and _is_chosen(name, choices)]


def _is_chosen(module: str, choices: Choices) -> bool:
    parts = module.split(".")
    return all(
        name in choices[package] for package, name in pairwise(parts) if package in CHOSEN_IN and package in choices
    )


def digests(modules: Iterable[str]) -> dict[str, str]:
    """Return the digest of each module, and of the templates of each package among them, sorted by name."""
    names = sorted(modules)
    return {name: source_of(name).digest for name in names} | dict(sorted(_data_digests(names).items()))


def digest_of(name: str) -> str | None:
    """Return the digest that `digests` has under a name, None where there is no such module or file."""
    if "/" in name:
        return _bytes_digest(ROOT / name) if (ROOT / name).is_file() else None
    return source_of(name).digest if _path_of(name) else None


def third_party(modules: Iterable[str]) -> set[str]:
    """Return the top-level names of all packages that the modules import from elsewhere."""
    return {name for module in modules for name in source_of(module).third_party}


def _data_digests(modules: Iterable[str]) -> dict[str, str]:
    packages = {parent for module in modules for parent in _parents(module)}
    folders = [ROOT / package.replace(".", "/") / DATA_FOLDER for package in packages]
    files = [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(ROOT).as_posix(): _bytes_digest(path) for path in files}


def _bytes_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGEST_CHARACTERS]


@cache
def _every_module() -> tuple[str, ...]:
    paths = (path.relative_to(ROOT) for path in PACKAGE.rglob("*.py"))
    return tuple(sorted(".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths))


@cache
def _path_of(module: str) -> Path | None:
    if not MODULE_NAME.fullmatch(module) and module != "tasks":
        return None
    folder = ROOT / module.replace(".", "/")
    return next((path for path in (folder.with_suffix(".py"), folder / "__init__.py") if path.is_file()), None)


@cache
def source_of(module: str) -> Source:
    """Read a module, or take what was read of the same file before."""
    path = _path_of(module)
    if path is None:
        raise ModuleNotFoundError(f"no module {module} in {ROOT}")
    known = _known().get(module)
    if known and known[0] == _stamp(path):
        return Source(**known[1])
    return read(
        path.read_text(encoding="utf-8"), READ_BY_PLAN if MODULES_OF_SETTINGS.fullmatch(module) else frozenset()
    )


def remember(modules: Iterable[str]) -> None:
    """Keep what was read of modules, so that the next process need not read them again. It changes no result."""
    sources = {name: [_stamp(path), vars(source_of(name))] for name in sorted(modules) if (path := _path_of(name))}
    if sources != _known():
        with replacing(CACHE) as partial:
            partial.write_text(json.dumps(sources), encoding="utf-8")


def _stamp(path: Path) -> list[int]:
    """Tell a file from a changed one, and this reader from another version of it, without reading either."""
    stats = (path.stat(), Path(__file__).stat())
    return [value for stat in stats for value in (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)]


@cache
def _known() -> dict[str, list]:  # type: ignore[type-arg]
    try:
        found = json.loads(CACHE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # none yet, or cut by a crash: everything is parsed again
    return found if isinstance(found, dict) else {}


def read(text: str, left_out: frozenset[str] | None = None) -> Source:
    """Parse a module's text; top-level values of the names `left_out`, by default `READ_BY_PLAN`, are no code."""
    with _without_garbage_collection():
        return _read(text, READ_BY_PLAN if left_out is None else left_out)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Collect nothing: a tree has no cycles, and looking for them takes a third of the time that reading does."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read(text: str, left_out: frozenset[str]) -> Source:
    tree = ast.parse(text)
    if "TYPE_CHECKING" in text:
        tree = _without_type_checking(tree)
    # Each node is visited once here: most of the time that `plan` takes in a fresh clone goes into these walks.
    parts = {node.name: _walked(node) for node in tree.body if isinstance(node, _DEFINITIONS)}
    rest = ast.Module([node for node in tree.body if not isinstance(node, _DEFINITIONS)], [])
    parts = {"": _walked(rest), **parts}
    nodes = list(chain.from_iterable(parts.values()))
    return Source(
        imports=_imports(nodes),
        third_party=sorted(_third_party(nodes)),
        chosen={name: patterns for name, own in parts.items() if (patterns := _patterns(own))},
        uses={name: sorted(_names(own) & parts.keys() - {name}) for name, own in parts.items() if name},
        digest=normal_digest(tree, left_out),
    )


def _walked(node: ast.AST) -> list[ast.AST]:
    """Return a node with all below it, in any order; `ast.walk` takes twice as long."""
    found, waiting = [], [node]
    while waiting:
        found.append(node := waiting.pop())
        for value in vars(node).values():
            if isinstance(value, ast.AST):
                waiting.append(value)
            elif isinstance(value, list):
                waiting += [each for each in value if isinstance(each, ast.AST)]
    return found


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


# What `plan` alone reads: its effect is in the settings of the plan files. An explanation of a setting has none.
# Elsewhere these names are values like others.
READ_BY_PLAN = frozenset({"DEFAULTS", "METRICS"})
MODULES_OF_SETTINGS = re.compile(r"tasks\.(line\.params|(kinds|models\.architectures)\.[a-z0-9_]+)")
EXPLANATIONS = frozenset({"description"})


def _targets(node: ast.stmt) -> list[ast.Name]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target for target in targets if isinstance(target, ast.Name)]


class _TypeCheckingRemover(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        is_guard = getattr(node.test, "id", getattr(node.test, "attr", "")) == "TYPE_CHECKING"
        return node.orelse if is_guard else self.generic_visit(node)


def _without_type_checking(tree: ast.Module) -> ast.Module:
    cleaned: ast.Module = _TypeCheckingRemover().visit(tree)
    return cleaned


def normal_digest(tree: ast.Module, left_out: frozenset[str] = READ_BY_PLAN) -> str:
    """Return the digest of a module's normal form: the types of all nodes and their fields, empty ones left out.

    Top-level values of the names `left_out` are left out, too.
    """
    body = [each for each in tree.body if not left_out & {name.id for name in _targets(each)}]
    parts: list[str] = []
    _normal(ast.Module(body, []), parts)
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:DIGEST_CHARACTERS]


def _normal(node: ast.AST, parts: list[str]) -> None:
    parts.append(type(node).__name__)
    for field in node._fields:
        value = _without_explanations(node) if field == "keywords" else getattr(node, field, None)
        if field not in IGNORED_FIELDS and value is not None and value != []:
            parts.append(field)
            _normal_value(_without_docstring(node, value) if field == "body" else value, parts)
    parts.append(")")


def _without_explanations(node: ast.AST) -> list[ast.keyword]:
    """Return the keywords of a call or a class; of a setting's `Field`, those that can change a result."""
    keywords: list[ast.keyword] = vars(node)["keywords"]
    is_setting = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Field"
    return [each for each in keywords if each.arg not in EXPLANATIONS] if is_setting else keywords


def _normal_value(value: object, parts: list[str]) -> None:
    if isinstance(value, list):
        parts.append("[")
        for each in _joined(value):
            _normal_value(each, parts)
        parts.append("]")
    elif isinstance(value, ast.AST):
        _normal(value, parts)
    else:
        parts.append(f"{type(value).__name__}:{value!a}")  # repr depends on Python's tables of Unicode


def _without_docstring(node: ast.AST, body: object) -> object:
    has_docstring = isinstance(node, (ast.Module, *_DEFINITIONS)) and ast.get_docstring(node, clean=False) is not None
    return body[1:] if has_docstring and isinstance(body, list) else body


def _joined(values: list[object]) -> Iterator[object]:
    """Yield the values, texts that follow each other in an f-string as one: Python 3.12 divides them in another way."""
    text: str | None = None
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and _is_f_string(values):
            text = (text or "") + value.value
            continue
        if text:
            yield text
        text = None
        yield value
    if text:
        yield text


def _is_f_string(values: list[object]) -> bool:
    return any(isinstance(value, ast.FormattedValue) for value in values)


Nodes = Sequence[ast.AST]


def _imports(nodes: Nodes) -> list[tuple[str, str, list[str]]]:
    attributes = _attributes(nodes)
    found: set[tuple[str, str, tuple[str, ...]]] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {(alias.name, "", ()) for alias in node.names if alias.name.split(".")[0] == "tasks"}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tasks":
            for alias in node.names:
                used = attributes.get(alias.asname or alias.name, set())
                found.add((node.module, alias.name, tuple(sorted(used))))
    # Modules that another process imports; those of `import_module` count where that is called.
    texts = {text for node in nodes if (text := _module_text(node))}
    found |= {(text, "", ()) for text in texts - {_module_text(name) for name in _imported_names(nodes)}}
    return [(module, name, list(used)) for module, name, used in sorted(found)]


def _attributes(nodes: Nodes) -> dict[str, set[str]]:
    """Return which attributes are taken of each name."""
    found: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.setdefault(node.value.id, set()).add(node.attr)
    return found


def _third_party(nodes: Nodes) -> set[str]:
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {module.split(".")[0] for module in modules} - {"tasks"}


def _names(nodes: Nodes) -> set[str]:
    return {each.id for each in nodes if isinstance(each, ast.Name)}


def _patterns(nodes: Nodes) -> list[str]:
    """Return patterns of the names in calls of `import_module`."""
    names = _imported_names(nodes)
    made = {"".join(map(_part, name.values)) for name in names if isinstance(name, ast.JoinedStr)}
    return sorted(made | {re.escape(text) for name in names if (text := _module_text(name))})


def _imported_names(nodes: Nodes) -> list[ast.expr]:
    """Return the first arguments of all calls of `import_module`."""
    calls = (each for each in nodes if isinstance(each, ast.Call) and each.args)
    return [call.args[0] for call in calls if getattr(call.func, "id", "") == "import_module"]


def _module_text(node: ast.AST) -> str:
    """Return the name of a module of `tasks` that a constant is, else nothing."""
    is_name = isinstance(node, ast.Constant) and isinstance(node.value, str) and MODULE_NAME.fullmatch(node.value)
    return str(node.value) if is_name and isinstance(node, ast.Constant) else ""


def _part(part: ast.expr) -> str:
    return re.escape(str(part.value)) if isinstance(part, ast.Constant) else INTERPOLATED
