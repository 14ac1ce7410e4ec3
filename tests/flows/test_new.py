"""`trimline new` makes a line of data in a folder of its own, and leaves nothing behind where it cannot."""

import csv
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from flows.new import program
from tests.flows import toy, wheels
from tests.tasks.line import tree


@pytest.fixture(autouse=True)
def typed_in_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a person types it, also where `make test` has started these tests."""
    monkeypatch.delenv("MAKELEVEL", raising=False)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout, whose code runs in the lines that are made in it."""
    root = wheels.copy_source(tmp_path_factory.mktemp("checkout"))
    toy.run(root, "git", "init", "--quiet")
    toy.commit(root, "As it is")
    return root


def houses(path: Path, rows: int = 400, *, targets: tuple[str, ...] = ("price",)) -> Path:
    chance = random.Random(1)
    with path.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(["rooms", "town", *targets])
        for _ in range(rows):
            size, town = chance.randrange(1, 9), chance.choice(["Bonn", "Ulm"])
            price = 1000.0 * size + 500 * (town == "Ulm") + chance.gauss(0, 100)
            writer.writerow([size, town, *[f"{price:.1f}"] * len(targets)])
    return path


def trimline(checkout: Path, *arguments: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*toy.TRIMLINE, *arguments], cwd=folder or checkout, check=False, capture_output=True, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_path_of_the_program_is_shown_where_make_has_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert program() == "trimline"
    monkeypatch.setenv("MAKELEVEL", "1")
    assert program() == str(Path(sys.executable).parent / "trimline")
    assert os.access(program(), os.X_OK)


def test_a_line_is_made_that_runs_with_no_edit(checkout: Path, tmp_path: Path) -> None:
    data = houses(tmp_path / "houses.csv")
    before = data.read_bytes()
    done = trimline(checkout, "new", "lines/prices", str(data), "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "400 rows, 3 columns, price is predicted (number; its name says so" in done.stdout
    assert "a run will take about" in done.stdout
    assert done.stdout.endswith("next: cd lines/prices && trimline run\n")
    line = checkout / "lines/prices"
    wheels.run(line, Path(toy.TRIMLINE[0]).parent, "dvc", "repro", "preprocess@target")
    assert (line / "data/ready/target/dataset.json").is_file()
    assert (line / "data/incoming/houses.csv.dvc").is_file() and (line / "schemas/target.json").is_file()
    assert data.read_bytes() == before
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=checkout,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert all(name.startswith("?? lines/prices/") for name in changed)
    assert not [name for name in changed if name.endswith("houses.csv")]


def test_two_readings_are_refused_and_nothing_is_left(checkout: Path, tmp_path: Path) -> None:
    data = houses(tmp_path / "houses.csv", targets=("price", "value"))
    before = tree(tmp_path)
    done = trimline(checkout, "new", str(tmp_path / "line"), str(data), "--yes")
    assert done.returncode == 65
    assert "--target value or --target price" in done.stdout
    assert tree(tmp_path) == before


@pytest.mark.parametrize(("name", "said"), [("full", "which exists"), ("data/line", "inside of the data")])
def test_no_folder_is_written_over_or_made_in_its_own_data(
    checkout: Path, tmp_path: Path, name: str, said: str
) -> None:
    for folder in ("full", "data"):
        (tmp_path / folder).mkdir()
        houses(tmp_path / folder / "houses.csv")
    before = tree(tmp_path)
    done = trimline(checkout, "new", str(tmp_path / name), str(tmp_path / "data"), "--yes")
    assert (done.returncode, said in done.stderr) == (78, True)
    assert tree(tmp_path) == before


@pytest.mark.slow
def test_a_whole_line_runs_to_its_page(checkout: Path, tmp_path: Path) -> None:
    data = houses(tmp_path / "houses.csv", 600)
    assert trimline(checkout, "new", "lines/whole", str(data), "--yes").returncode == 0
    line = checkout / "lines/whole"
    done = trimline(checkout, "run", folder=line)
    assert done.returncode in {0, 1}, done.stdout + done.stderr  # one, where the verdict is no
    assert (line / "reports/report.html").is_file() and (line / "reports/results.md").is_file()
    assert (line / "release/manifest.json").is_file() == (done.returncode == 0)
