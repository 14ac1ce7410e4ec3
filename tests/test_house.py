"""The house: modules of a size that a reader would look up, imports that go one way. `python -m tests.house` counts."""

import statistics
from pathlib import Path

import pytest

from tests import house

MODULES = house.modules()


def test_there_are_few_modules_of_a_size_that_a_reader_would_look_up() -> None:
    lines = [module.lines for module in MODULES]
    assert len(lines) <= house.MAX_MODULES
    assert statistics.median(lines) >= house.MIN_MEDIAN
    assert sum(count < house.SMALL for count in lines) <= house.MAX_SMALL_FRACTION * len(lines)


def test_no_module_is_longer_than_one_topic_needs() -> None:
    assert [str(module.path) for module in MODULES if module.lines > house.LARGE] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.path))
def test_the_first_line_of_a_docstring_names_one_topic(module: house.Module) -> None:
    assert module.topic
    assert not house.names_two_topics(module.topic), module.topic


def test_no_packages_import_each_other_by_name_or_otherwise() -> None:
    assert house.cycles(set(house.imports())) == []


def test_imports_go_one_way() -> None:
    assert house.upward(house.imports()) == []


def test_a_cycle_of_three_packages_is_found() -> None:
    assert house.cycles({("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")}) == [["a", "b", "c"]]


def test_an_import_by_name_counts(tmp_path: Path) -> None:
    path = tmp_path / "by_name.py"
    path.write_text('from importlib import import_module\nimport_module(f"tasks.kinds.{kind}.data")\n')
    assert "tasks.kinds" in set(house.imported(path))
