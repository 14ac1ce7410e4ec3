import fcntl
import os
from pathlib import Path

import pytest

from tasks.core import environment
from tests.tasks import line


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tests that start TensorFlow in this process all find it set as the stages set it."""
    environment.set_threads(1, onednn=True)


@pytest.fixture(scope="session")
def tiny_line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of a line that ran to its release, one for all workers. Tests read it, and copy to change."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with (shared / "tiny.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "tiny").exists():
            folder = line.create(tmp_path_factory.mktemp("tiny") / "line")
            line.run_all(folder, [*line.FILES, *line.MODELS, *line.EXPORTS, *line.DECISION])
            folder.parent.rename(shared / "tiny")
    return shared / "tiny/line"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder in which no stage has run."""
    return line.create(tmp_path / "line")
