import atexit
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.serve import free_port, running_server
from tests.flows import toy


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "toy"
    toy.create(root)
    return root


@pytest.fixture
def root(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A toy repository of the test's own, which is also the working directory."""
    root = tmp_path / "toy"
    shutil.copytree(template, root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    return root


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Prefect server's API, which flows in this process talk to."""
    home = tmp_path_factory.mktemp("server")
    server = contextlib.ExitStack()
    atexit.register(server.close)  # after Prefect's exit handlers, which were registered later, have sent the last logs
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        url, _ = server.enter_context(running_server(home, free_port(), "--no-ui"))
        with temporary_settings({PREFECT_API_URL: url}):
            yield url
