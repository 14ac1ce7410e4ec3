from pathlib import Path

import pytest

from tasks.contracts import environment
from tests.tasks import line


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tests that start TensorFlow in this process all find it set as the stages set it."""
    environment.set_threads(1, onednn=True)


@pytest.fixture(scope="session")
def tiny_line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of a line that ran to its release. Tests read it, and copy what they change."""
    folder = line.create(tmp_path_factory.mktemp("tiny") / "line")
    return line.run_all(folder, [*line.FILES, *line.MODELS, *line.EXPORTS, "release", "report"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder in which no stage has run."""
    return line.create(tmp_path / "line")
