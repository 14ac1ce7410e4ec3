"""A schema is a promise: written once, from the data, and never changed in passing."""

import json
from pathlib import Path

import pytest

from tests.tasks import line


@pytest.fixture
def without_schema(folder: Path) -> Path:
    """Raw data of the target are there; nobody has described them yet."""
    for path in (folder / "schemas").iterdir():
        path.unlink()
    return line.run_all(folder, ["ingest@target"])


def test_the_command_describes_the_data_once_and_the_stage_enforces_it(without_schema: Path) -> None:
    folder, path = without_schema, without_schema / "schemas/target.json"
    assert line.run(folder, "tasks.commands.schema target").returncode == 0
    assert json.loads(path.read_text()) == line.SCHEMA
    before = path.read_bytes()
    refused = line.run(folder, "tasks.commands.schema target")
    assert refused.returncode == 65 and "schemas/target.json exists" in refused.stdout
    assert path.read_bytes() == before

    line.run_all(folder, ["preprocess@target"])
    rows = [row.rpartition(",")[0] + ",eleven" for row in line.digits(600, 640)]
    (folder / "incoming/target.csv").write_text("\n".join([*line.digits(300, 600), *rows]))
    line.run_all(folder, ["ingest@target"])
    broken = line.run(folder, "preprocess@target")
    assert broken.returncode == 65
    assert "40 bad rows of 340 (40 unknown class)" in broken.stdout and "trimline schema" in broken.stdout

    assert line.run(folder, "tasks.commands.schema target --replace").returncode == 0
    assert json.loads(path.read_text())["classes"] == [*line.SCHEMA["classes"], "eleven"]  # type: ignore[misc]
    line.run_all(folder, ["preprocess@target"])


def test_without_raw_data_the_command_says_how_to_get_them(folder: Path) -> None:
    (folder / "schemas/base.json").unlink()
    done = line.run(folder, "tasks.commands.schema base")
    assert done.returncode == 65
    assert "no data/raw/base" in done.stdout and "dvc repro ingest@base" in done.stdout
    assert not (folder / "schemas/base.json").exists()


def test_a_table_of_one_class_is_no_data_set(without_schema: Path) -> None:
    rows = [row for row in line.digits(0, 300) if row.endswith(",3")]
    (without_schema / "incoming/target.csv").write_text("\n".join(rows))
    line.run_all(without_schema, ["ingest@target"])
    done = line.run(without_schema, "tasks.commands.schema target")
    assert done.returncode == 65 and "classes ['3']" in done.stdout
