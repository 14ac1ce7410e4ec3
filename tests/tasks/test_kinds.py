"""Kinds of work: each implements the contracts, and nothing below the kinds knows of one."""

import ast
import inspect
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tasks import kinds
from tasks.core.params import modules
from tasks.data.schema import KindData
from tasks.metrics.kind_evaluation import KindEvaluation
from tests.graph_rules import ROOT

MODULES = {"__init__.py", "data.py", "model.py", "evaluation.py", "export.py"}
BELOW = ("core", "data", "tflite", "metrics", "models", "compression")

every_kind = pytest.mark.parametrize("kind", modules("kinds"))


def model_contract() -> type:
    from tasks.models.learning_task import KindModel

    return KindModel


CONTRACTS: dict[str, tuple[Callable[[str], object], Callable[[], type]]] = {
    "data": (kinds.data_of, lambda: KindData),
    "model": (kinds.model_of, model_contract),
    "evaluation": (kinds.evaluation_of, lambda: KindEvaluation),
    "export": (kinds.export_of, lambda: kinds.KindExport),
}
every_module = pytest.mark.parametrize("module", sorted(CONTRACTS))


def names_of(contract: type) -> set[str]:
    """What a contract asks for: its annotated fields and its methods."""
    annotated = {name for each in contract.__mro__ for name in vars(each).get("__annotations__", {})}
    methods = {name for name, value in vars(contract).items() if inspect.isfunction(value)}
    return {name for name in annotated | methods if not name.startswith("_")}


def defined_in(found: type, name: str) -> type:
    return next(each for each in found.__mro__ if name in vars(each))


def is_abstract(function: Any) -> bool:
    """Whether a function holds nothing but its docstring."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(definition, ast.FunctionDef)
    return all(isinstance(statement, ast.Expr) for statement in definition.body)


@every_kind
def test_a_kind_has_exactly_these_modules(kind: str) -> None:
    assert {path.name for path in (ROOT / "tasks/kinds" / kind).glob("*.py")} == MODULES


@every_kind
@every_module
def test_a_kind_defines_every_member_of_a_contract(kind: str, module: str) -> None:
    """mypy proves the types of the members; that an object is loaded by a text, it cannot see."""
    load, contract = CONTRACTS[module]
    found = type(load(kind))
    assert contract() in found.__mro__ and not vars(found)["_is_protocol"]
    for name in names_of(contract()):
        assert hasattr(found, name), name
        value = vars(defined_in(found, name))[name]
        assert not inspect.isfunction(value) or not is_abstract(value), name


@every_kind
@every_module
def test_the_objects_of_a_kind_travel_by_the_name_of_their_class(kind: str, module: str) -> None:
    load, _ = CONTRACTS[module]
    pickled = pickle.dumps(load(kind))
    assert type(pickle.loads(pickled)) is type(load(kind)) and len(pickled) < 200


@every_kind
@every_module
def test_what_a_kind_adds_is_documented(kind: str, module: str) -> None:
    found = type(CONTRACTS[module][0](kind))
    assert found.__doc__ and found.__doc__ != Protocol.__doc__
    public = {name: value for name, value in vars(found).items() if inspect.isfunction(value) and name[0] != "_"}
    assert [name for name, value in public.items() if name != "__init__" and not value.__doc__] == []


def files_below() -> Iterator[Path]:
    for package in BELOW:
        yield from (ROOT / "tasks" / package).rglob("*.py")


def kinds_named_in(path: Path) -> set[str]:
    """The modules of kinds that a file imports, by a statement or by `import_module`."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "import_module":
            found |= {str(part.value) for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)}
    return {name for name in found if name == "tasks.kinds" or name.startswith("tasks.kinds.")}


def test_no_package_below_the_kinds_imports_one() -> None:
    """But for settings: formats read the section of their kind."""
    known = {f"tasks/data/formats/{name}.py" for name in ("lines_by_class", "image_folder", "pixels_csv")}
    naming = {path.relative_to(ROOT).as_posix() for path in files_below() if kinds_named_in(path)}
    assert naming <= known


def test_an_import_by_a_name_that_is_made_at_run_time_is_found(tmp_path: Path) -> None:
    path = tmp_path / "below.py"
    for code in (
        'from importlib import import_module\nimport_module(f"tasks.kinds.{kind}.data")',
        "import importlib\nimportlib.import_module('tasks.kinds.regression.data')",
        "def late() -> None:\n    from tasks import kinds",
    ):
        path.write_text(code)
        assert kinds_named_in(path), code


def test_only_the_loaders_import_a_module_of_a_kind_by_a_name_made_at_run_time() -> None:
    files = (ROOT / "tasks").rglob("*.py")
    loading = {path.relative_to(ROOT).as_posix() for path in files if 'import_module(f"tasks.kinds' in path.read_text()}
    assert loading == {"tasks/kinds/__init__.py", "tasks/line/params.py"}  # the latter for settings alone


def test_no_code_asks_whether_a_kind_has_an_attribute() -> None:
    for path in (ROOT / "tasks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"hasattr", "getattr"}:
                asked = ast.unparse(node.args[0])
                assert not any(word in asked for word in ("kind", "evaluation", "rules", "_of(")), f"{path}: {asked}"


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("from tasks.kinds import translation", {"tensorflow", "sklearn", "numpy"}),
        ("from tasks.kinds import data_of; data_of('image_classification')", {"tensorflow", "sklearn"}),
        ("from tasks.kinds import evaluation_of; evaluation_of('image_classification')", {"tensorflow", "sklearn"}),
        ("from tasks.kinds import evaluation_of; evaluation_of('recommendation')", {"tensorflow", "sklearn"}),
    ],
)
def test_what_a_loader_does_not_need_is_not_imported(code: str, absent: set[str]) -> None:
    """TensorFlow and scikit-learn take seconds, of which an answer of `predict` has none to spare."""
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert absent.isdisjoint(shown)
