from collections.abc import Iterator

import pytest

from tests import s3


@pytest.fixture(scope="session")
def s3_server() -> Iterator[dict[str, str]]:
    with s3.server() as environment:
        yield environment


@pytest.fixture
def s3_environment(s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A running S3 server whose address and credentials are set in this process's environment."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    return s3_server
