"""The digest of a stage's code changes with what the stage runs, and with nothing else."""

import ast
from pathlib import Path

import pytest

from tasks.core import code_digest
from tasks.core.code_digest import closure, digests, normal_digest, read, third_party

CHOICES = {
    "kinds": frozenset({"image_classification"}),
    "architectures": frozenset({"conv_net"}),
    "formats": frozenset({"pixels_csv"}),
    "sources": frozenset({"package"}),
}
CODE = '''"""What it does."""

import json


class Counter:
    """Counts."""

    start: int = 0

    def add(self, by: int = 1) -> int:
        """Add."""
        return self.start + by  # the sum


def shown(counter: Counter, *, width: int = 8) -> str:
    return f"{counter.start:>{width}} of" f" {json.dumps(counter.add(2))!r}"
'''
# Every kind of node whose form has differed, or may differ, between versions of Python.
SYNTAX = (
    r"""
import asyncio, os.path as p
from typing import (TypeVar, Generic)
T = TypeVar("T")
@decorated(1, *more, **options)
class A(Generic[T], metaclass=type):
    x: "int" = 0x10; y = 1_000.5e-3; z = 3j; b = b"\xff\x00"; u = u"\N{GRINNING FACE} \u200d"; n = None; e = ...
    def f(self, a, /, b: int = 1, *args: int, c, d=2, **kw) -> None:
        global g
        nonlocal_ = lambda q, *r, s=1: (yield)
        return not a if a is not None else -b ** 2 // 3 @ c
async def main() -> None:
    async with a as b, c: pass
    async for i in x: break
    else: await y
    return [i async for i in z if i if not i], {*a, 1}, {**b, "k": 2}, (j := 3)
def texts(a, w):
    yield f"{a}", f"{a!r:>{w}.3}" "b" f"{a=}" 'c', f"{{literal}}", f"a" "b"
    return f"{a:%Y-%m-%d} {w:{w}{w}}", f"", f"{'x' f'{a}y'}"
try:
    x[1:2, ..., ::3] += a.b.c
except (ValueError, OSError) as error:
    raise KeyError from error
except* TypeError: del x
""".replace("except* TypeError: del x\n", "finally:\n    assert x, 'text'\n")
    + """
match command.split():
    case ["go", ("north" | "south") as direction, *rest] if rest: pass
    case {"a": 1, **others}: pass
    case Point(x=0, y=-1.5) | None | True: pass
    case _: pass
with open(p) as f, (a, b): print(*f, sep="")
"""
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# the sum", "# the total of both"),
        ('"""Add."""', '"""Add a number, and return the sum."""'),
        ('"""What it does."""\n', ""),
        ('    """Counts."""\n\n', ""),
        ("self.start + by", "(self.start\n                + by)"),
        ("\n\n\nclass", "\n\nclass"),
    ],
)
def test_a_comment_a_docstring_and_the_layout_change_no_digest(old: str, new: str) -> None:
    assert old in CODE
    assert read(CODE.replace(old, new)).digest == read(CODE).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("start + by", "start - by"),
        ("by: int = 1", "by: int = 2"),
        ("by: int = 1", "by: int = True"),
        ("width: int = 8", "width: int = 8.0"),
        ('} of"', '} OF"'),
        ("!r}", "!s}"),
        ("{width}}", "{width}}}}"),
        (", *, width", ", width"),
        ("import json", "import json as json_"),
        ("start: int = 0", "start: int"),
        ("add(2)", "add(by=2)"),
        ("class Counter", "class Counters"),
        ("        return self.start + by", '        "text"\n        return self.start + by'),
    ],
)
def test_any_change_of_what_runs_changes_the_digest(old: str, new: str) -> None:
    assert old in CODE
    changed = CODE.replace(old, new, 1)
    ast.parse(changed)
    assert read(changed).digest != read(CODE).digest


def test_what_only_plan_reads_changes_no_digest_since_its_effect_is_in_the_settings() -> None:
    code = 'DEFAULTS: dict = {"train": {"seed": 0}}\nMETRICS = ("r2",)\n'
    code += 'class A:\n    seed: int = Field(0, ge=0, description="x")\n'
    for old, new in (('"seed": 0', '"seed": 1'), ('("r2",)', '("r2", "mae")'), ('description="x"', 'description="y"')):
        assert read(code.replace(old, new)).digest == read(code).digest
    for old, new in (("Field(0", "Field(1"), ("ge=0", "ge=1"), ("seed: int", "seed: float")):
        assert read(code.replace(old, new)).digest != read(code).digest


def test_a_value_of_such_a_name_that_a_stage_reads_is_part_of_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_digest, "PACKAGE", tmp_path / "tasks")
    monkeypatch.setattr(code_digest, "ROOT", tmp_path)
    monkeypatch.setattr(code_digest, "_known", dict)
    for folder, counts in (("reporting", True), ("kinds", False), ("models/architectures", False)):
        module, found = tmp_path / "tasks" / folder / "one.py", set()
        module.parent.mkdir(parents=True)
        for words in ("accuracy", "correct answers"):
            module.write_text(f'METRICS = {{"accuracy": "{words}"}}\n')
            _forget()
            found.add(code_digest.digest_of(f"tasks.{folder.replace('/', '.')}.one"))
        assert (len(found) == 2) == counts, folder
    monkeypatch.undo()
    _forget()


def test_the_normal_form_is_the_same_on_all_versions_of_python() -> None:
    assert normal_digest(ast.parse(CODE)) == "95be9ce5102aa573"
    assert normal_digest(ast.parse(SYNTAX)) == "620c3fd698100174"


def test_texts_that_follow_each_other_in_an_f_string_are_one_text() -> None:
    assert read('x = f"a{b}c" "d"').digest == read('x = f"a{b}cd"').digest
    assert read('x = f"a{b}c"').digest != read('x = f"a{b}" + "c"').digest


def test_what_is_imported_for_type_checkers_alone_is_no_part_of_the_code() -> None:
    code = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tasks.models import saving\n"
    assert not any(module == "tasks.models" for module, _, _ in read(code).imports)


def test_a_stage_depends_on_the_modules_of_its_own_line() -> None:
    modules = closure("tasks.train", CHOICES)
    assert "tasks.models.architectures.conv_net" in modules
    assert "tasks.train" in modules and "tasks" in modules
    assert not {name for name in modules if name.startswith("tasks.kinds.") and "image_classification" not in name}
    others = {name for name in modules if name.startswith("tasks.models.architectures.")}
    assert others == {"tasks.models.architectures.conv_net"}
    assert not {name for name in modules if name.startswith(("tasks.reporting.", "tasks.commands"))}


def test_another_architecture_brings_its_own_modules() -> None:
    modules = closure("tasks.train", {**CHOICES, "architectures": frozenset({"efficientnet_lite0"})})
    assert {"tasks.models.architectures.efficientnet_lite0", "tasks.models.pretrained"} <= modules
    assert "tasks.models.architectures.conv_net" not in modules


def test_a_module_that_is_chosen_by_name_counts_where_the_choice_is_made(tmp_path: Path) -> None:
    code = (
        "from importlib import import_module\n"
        "def data_of(kind):\n    return import_module(f'tasks.kinds.{kind}.data')\n"
        "def model_of(kind):\n    return import_module(f'tasks.kinds.{kind}.model')\n"
        "def both(kind):\n    return data_of(kind), model_of(kind)\n"
    )
    source = read(code)
    assert source.chosen == {
        "data_of": [r"tasks\.kinds\.[a-z0-9_]+\.data"],
        "model_of": [r"tasks\.kinds\.[a-z0-9_]+\.model"],
    }
    assert source.uses["both"] == ["data_of", "model_of"]


def test_what_a_package_imports_on_demand_counts_for_whoever_asks_for_it() -> None:
    assert "tasks.compression.api" in closure("tasks.compression.api", CHOICES)
    assert "tasks.tflite.slim" in closure("tasks.export", CHOICES)
    for stage in ("train", "fine_tune", "cross_validate", "compress"):
        assert not {"tasks.tflite.slim", "tasks.compression.api"} & closure(f"tasks.{stage}", CHOICES)


def test_the_digest_of_each_module_and_template_is_told_by_its_name() -> None:
    found = digests(closure("tasks.report", CHOICES))
    assert list(found) == sorted(found, key=lambda name: ("/" in name, name))
    for name, digest in found.items():
        assert code_digest.digest_of(name) == digest
    assert code_digest.digest_of("tasks.no_such_module") is None


def test_the_packages_that_a_stage_computes_with_are_known() -> None:
    assert {"tensorflow", "tf_keras", "numpy"} <= third_party(closure("tasks.train", CHOICES))
    assert "tensorflow" not in third_party(closure("tasks.preprocess", CHOICES))


def test_what_was_read_before_is_taken_from_the_cache_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "tasks"
    package.mkdir()
    (package / "__init__.py").write_text("")
    module = package / "one.py"
    module.write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(code_digest, "PACKAGE", package)
    monkeypatch.setattr(code_digest, "ROOT", tmp_path)
    _forget()
    first = digests(["tasks.one"])
    code_digest.remember(["tasks.one"])
    assert code_digest.CACHE.is_file()
    _forget()
    monkeypatch.setattr(code_digest, "read", lambda *_: pytest.fail("it was read again"))
    assert digests(["tasks.one"]) == first
    monkeypatch.undo()
    monkeypatch.setattr(code_digest, "PACKAGE", package)
    monkeypatch.setattr(code_digest, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    module.write_text("x = 2\n")
    _forget()
    assert digests(["tasks.one"]) != first
    code_digest.CACHE.write_text("{cut")
    _forget()
    assert digests(["tasks.one"]) != first
    _forget()


def _forget() -> None:
    for cached in (code_digest.source_of, code_digest._known, code_digest._path_of, code_digest._every_module):
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


@pytest.mark.parametrize("kind", ["regression", "recommendation", "translation"])
def test_the_metrics_of_classifiers_are_no_code_of_the_other_kinds(kind: str) -> None:
    of_kind = closure("tasks.evaluate", CHOICES | {"kinds": frozenset({kind})})
    of_images = closure("tasks.evaluate", CHOICES)
    theirs = {"tasks.metrics.classifier", "tasks.metrics.classification", "tasks.metrics.classifier_evaluation"}
    assert theirs <= of_images and not theirs & of_kind and "tasks.metrics.slices" in of_kind
