"""What `make` checks before it takes an installation for whole: every file that a package lists is there."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.graph_rules import ROOT

RECORD = (
    "one/__init__.py,sha256=x,4\none/more.py,sha256=x,6\none-1.0.dist-info/METADATA,,\none-1.0.dist-info/RECORD,,\n"
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with one package that is whole."""
    for name, text in {
        "one/__init__.py": "a=1\n", "one/more.py": "b = 2\n", "one-1.0.dist-info/RECORD": RECORD,
        "one-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: one\nVersion: 1.0\n",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def checked(site: Path) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, str(ROOT / ".ci/installed.py"), str(site)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_whole_package_passes(site: Path) -> None:
    done = checked(site)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_file_that_is_missing_or_cut_off_is_named_with_its_package(site: Path) -> None:
    (site / "one/more.py").write_text("b")
    assert checked(site).stdout == "one: 1 files are missing or cut off, such as one/more.py\n"
    (site / "one/more.py").unlink()
    done = checked(site)
    assert done.returncode == 1 and "such as one/more.py" in done.stdout


def test_a_list_of_files_that_is_cut_off_is_no_proof(site: Path) -> None:
    (site / "one-1.0.dist-info/RECORD").write_text(RECORD[:30])
    done = checked(site)
    assert done.returncode == 1 and "cut off" in done.stdout
