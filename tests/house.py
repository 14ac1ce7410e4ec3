"""Counts of the source: sizes of modules, first lines of docstrings, cycles among packages. `python -m tests.house`."""

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Each may import those behind it: the order of import-linter's contract in pyproject.toml.
LAYERS = ("stages", "reporting", "line", "kinds", "compression", "models", "metrics", "tflite", "data", "core")
SMALL, LARGE = 60, 400
MAX_MODULES, MIN_MEDIAN, MAX_SMALL_FRACTION = 240, 110, 0.2


@dataclass(frozen=True)
class Module:
    """A module of tasks/ or flows/ that is neither a package's `__init__` nor a stage.

    Attributes:
        path: relative to the root.
        lines: how many it has.
        topic: first line of its docstring.
    """

    path: Path
    lines: int
    topic: str


def modules(root: Path = ROOT) -> list[Module]:
    """Return the modules that are counted, the largest first."""
    paths = [path for folder in ("tasks", "flows") for path in (root / folder).rglob("*.py")]
    found = [_module(path, root) for path in paths if path.name != "__init__.py" and path.parent != root / "tasks"]
    return sorted(found, key=lambda module: (-module.lines, module.path))


def _module(path: Path, root: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    topic = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return Module(path.relative_to(root), len(text.splitlines()), topic)


def names_two_topics(topic: str) -> bool:
    """Whether a docstring's first line joins topics by "and"; what stands in brackets or as code is no topic."""
    return " and " in re.sub(r"\([^)]*\)|`[^`]*`", "", topic)


def package_of(module: str) -> str:
    """Return the package of a dotted name of tasks/; stages and commands, which may call each other, are `stages`."""
    words = module.split(".")
    folder = ROOT / "tasks" / words[1] if len(words) > 1 else ROOT / "tasks"
    return words[1] if folder.is_dir() and words[1:2] not in ([], ["commands"]) else "stages"


def imports(root: Path = ROOT) -> dict[tuple[str, str], set[str]]:
    """Return which package imports which, with the modules that do; `import_module` counts like `import`."""
    found = dict[tuple[str, str], set[str]]()
    for path in sorted((root / "tasks").rglob("*.py")):
        own = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        if own == "tasks":
            continue
        for name in imported(path):
            if name.startswith("tasks.") and package_of(name) != package_of(own):
                found.setdefault((package_of(own), package_of(name)), set()).add(own)
    return found


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports, lazily or by name too, as far as a name is written out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.match(r"tasks(\.\w+)+", node.value):
            yield node.value.rstrip(".")  # import_module("tasks.kinds..."), a part of an f-string, a preloaded name


def cycles(edges: set[tuple[str, str]]) -> list[list[str]]:
    """Return the groups of packages that import each other, directly or by way of others."""
    names = sorted({name for edge in edges for name in edge})
    reached = {name: {other for start, other in edges if start == name} for name in names}
    for middle in names:
        for start in names:
            if middle in reached[start]:
                reached[start] |= reached[middle]
    groups = {tuple(other for other in names if other in reached[name] and name in reached[other]) for name in names}
    return sorted(list(group) for group in groups if group)


def upward(edges: dict[tuple[str, str], set[str]]) -> list[str]:
    """Return the imports that go against the order, each with the modules that have it."""
    rank = {name: index for index, name in enumerate(LAYERS)}
    return [
        f"{start} -> {end}: {', '.join(sorted(where))}"
        for (start, end), where in sorted(edges.items())
        if rank[start] > rank[end]
    ]


def main() -> int:
    """Print all of it."""
    found, edges = modules(), imports()
    small = [module for module in found if module.lines < SMALL]
    said = [
        f"{len(found)} modules, median {statistics.median(module.lines for module in found):g} lines, "
        f"{len(small)} ({len(small) / len(found):.0%}) under {SMALL}, "
        f"{sum(module.lines > LARGE for module in found)} over {LARGE}",
        "by package: " + ", ".join(f"{name} {count}" for name, count in sorted(by_package(found).items())),
        "\nthe largest:",
        *(f"  {module.lines:4} {module.path}" for module in found[:10]),
        f"\nunder {SMALL} lines:",
        *(f"  {module.lines:4} {module.path}: {module.topic}" for module in small),
        "\nfirst lines of docstrings with two topics:",
        *(f"  {module.path}: {module.topic}" for module in found if names_two_topics(module.topic)),
        "\ncycles among packages: " + ("; ".join(map(", ".join, cycles(set(edges)))) or "none"),
        "imports against the order:",
        *(f"  {line}" for line in upward(edges)),
    ]
    sys.stdout.write("\n".join(said) + "\n")
    return 0


def by_package(found: list[Module]) -> dict[str, int]:
    """Return how many modules each package has."""
    counts = dict[str, int]()
    for module in found:
        name = module.path.parts[1] if module.path.parts[0] == "tasks" else "flows"
        counts[name] = counts.get(name, 0) + 1
    return counts


if __name__ == "__main__":
    sys.exit(main())
