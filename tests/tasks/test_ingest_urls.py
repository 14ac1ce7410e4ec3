"""`ingest` fetches from other machines: a real S3 server, and a web server."""

import functools
import hashlib
import http.server
import json
import resource
import socket
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.core.errors import DataError, ParamsError, TransientError
from tasks.core.files import read_json
from tasks.core.params.data import PathSource, UrlSource
from tasks.data.sources import url as sources_url
from tasks.ingest import ingest
from tests import s3
from tests.tasks import line

CONTENTS = {"a.bin": bytes(range(256)) * 5000, "deep/b.txt": b"line\r\nline\n", "deep/er/empty": b""}


def url_source(url: str) -> UrlSource:
    return UrlSource(source="url", url=url, tracked=url)


@pytest.fixture
def bucket(s3_environment: dict[str, str]) -> str:
    """The name of a bucket with a folder `images`, a hidden file in it, and a neighbour with a longer name."""
    name = f"raw-{uuid.uuid4()}"
    keys = {f"images/{key}": content for key, content in CONTENTS.items()}
    s3.fill(s3_environment, name, keys | {"images/.hidden": b"x", "images2/other.txt": b"x", "one.csv": b"1,2\n"})
    return name


def test_a_folder_of_a_bucket_comes_in_whole_with_the_right_sums(bucket: str, tmp_path: Path) -> None:
    ingest(url_source(f"s3://{bucket}/images/"), raw=tmp_path / "raw")
    assert line.tree(tmp_path / "raw/files") == CONTENTS
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    assert read_json(tmp_path / "raw/manifest.json") == {"files": sums}
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["files", "manifest.json"]


def test_the_same_files_from_a_folder_and_from_a_bucket_are_the_same_bytes(bucket: str, tmp_path: Path) -> None:
    for name, content in CONTENTS.items():
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_bytes(content)
    ingest(PathSource(source="path", tracked=str(tmp_path / "source")), raw=tmp_path / "one")
    ingest(url_source(f"s3://{bucket}/images"), raw=tmp_path / "two")
    assert line.tree(tmp_path / "one") == line.tree(tmp_path / "two")


def test_a_single_object_comes_in_under_its_name(bucket: str, tmp_path: Path) -> None:
    ingest(url_source(f"s3://{bucket}/one.csv"), raw=tmp_path / "raw")
    assert line.tree(tmp_path / "raw/files") == {"one.csv": b"1,2\n"}


def test_an_archive_in_a_bucket_is_unpacked(bucket: str, s3_environment: dict[str, str], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as file:
        file.writestr("cats/1.txt", b"cat")
    s3.client(s3_environment).upload_file(str(tmp_path / "images.zip"), bucket, "packed/images.zip")
    ingest(url_source(f"s3://{bucket}/packed/images.zip"), raw=tmp_path / "raw")
    assert line.tree(tmp_path / "raw/files") == {"cats/1.txt": b"cat"}


def test_more_files_than_one_listing_has_come_in(s3_environment: dict[str, str], tmp_path: Path) -> None:
    name, count = f"many-{uuid.uuid4()}", 3 * s3.KEYS_PER_LISTING + 1
    s3.fill(s3_environment, name, {f"rows/{number:02}.txt": str(number).encode() for number in range(count)})
    ingest(url_source(f"s3://{name}/rows"), raw=tmp_path / "raw")
    assert len(line.tree(tmp_path / "raw/files")) == count


@pytest.mark.parametrize(
    ("path", "said"),
    [("{bucket}/no/such.csv", "FileNotFoundError"), ("no-such-bucket-{bucket}/x", "FileNotFoundError")],
)
def test_a_wrong_bucket_or_key_is_a_fault_of_the_url(bucket: str, path: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        ingest(url_source("s3://" + path.format(bucket=bucket)), raw=tmp_path / "raw")
    assert said in caught.value.got
    assert not any(tmp_path.iterdir())


def test_a_folder_of_hidden_files_only_is_refused(bucket: str, s3_environment: dict[str, str], tmp_path: Path) -> None:
    s3.client(s3_environment).put_object(Bucket=bucket, Key="empty/.keep", Body=b"")
    with pytest.raises(DataError, match="no file at"):
        ingest(url_source(f"s3://{bucket}/empty"), raw=tmp_path / "raw")


@pytest.mark.parametrize("keys", [["x", "x/below"], ["x//y"], ["x\\y"]])
def test_keys_that_cannot_be_files_here_are_refused(
    bucket: str, s3_environment: dict[str, str], keys: list[str], tmp_path: Path
) -> None:
    for key in keys:
        s3.client(s3_environment).put_object(Bucket=bucket, Key=f"bad/{key}", Body=b"x")
    with pytest.raises(DataError, match="names that are valid in one folder"):
        ingest(url_source(f"s3://{bucket}/bad"), raw=tmp_path / "raw")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../outside", "x/../../outside", "/outside"])
def test_names_that_lead_outside_are_refused(name: str) -> None:
    """Most servers never give one."""
    with pytest.raises(DataError, match="names that are valid in one folder"):
        sources_url.require_usable("s3://bucket/x", {name: (1,)})


def test_without_credentials_the_environment_is_to_blame(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ParamsError, match="NoCredentialsError") as caught:
        ingest(url_source(f"s3://{bucket}/images"), raw=tmp_path / "raw")
    assert "AWS_PROFILE" in caught.value.do


@contextmanager
def answering(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """A web server on this machine, by its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Refusing(http.server.BaseHTTPRequestHandler):
    """An S3 server that knows nobody."""

    status = 403

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        return


class Overloaded(Refusing):
    status = 503


def test_credentials_that_the_server_refuses_are_told(
    s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with answering(Refusing) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(ParamsError, match="PermissionError"):
            ingest(url_source("s3://bucket/images"), raw=tmp_path / "raw")


def test_an_overloaded_server_passes_by_itself(
    s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with answering(Overloaded) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(TransientError):
            ingest(url_source("s3://bucket/images"), raw=tmp_path / "raw")


def test_a_server_that_is_not_there_is_given_up_soon(
    s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as bound:  # bound, and nobody listens
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{bound.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(TransientError, match="EndpointConnectionError") as caught:
            ingest(url_source("s3://bucket/images"), raw=tmp_path / "raw")
    assert time.monotonic() - start < 30
    assert "AWS_ENDPOINT_URL" in caught.value.do


def test_a_file_that_is_written_to_while_it_is_read_is_told(
    bucket: str, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Real objects; only the moment is chosen."""
    fetch = sources_url.fetch

    def fetch_and_write(*arguments: object) -> None:
        fetch(*arguments)  # type: ignore[arg-type]
        s3.client(s3_environment).put_object(Bucket=bucket, Key="images/deep/b.txt", Body=b"LINE\r\nline\n")

    monkeypatch.setattr(sources_url, "fetch", fetch_and_write)
    with pytest.raises(TransientError, match="changed while it was read"):
        ingest(url_source(f"s3://{bucket}/images"), raw=tmp_path / "raw")
    assert not any(tmp_path.iterdir())


def test_a_file_that_goes_while_it_is_read_is_told(
    bucket: str, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fetch = sources_url.fetch

    def remove_and_fetch(*arguments: object) -> None:
        s3.client(s3_environment).delete_object(Bucket=bucket, Key="images/a.bin")
        fetch(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sources_url, "fetch", remove_and_fetch)
    with pytest.raises(TransientError, match="changed while it was read"):
        ingest(url_source(f"s3://{bucket}/images"), raw=tmp_path / "raw")


def test_a_large_file_is_fetched_in_pieces(s3_environment: dict[str, str], tmp_path: Path) -> None:
    """96 MB with less than 70 MB more memory."""
    name, content = f"large-{uuid.uuid4()}", bytes(96 << 20)
    s3.fill(s3_environment, name, {"large.bin": content, "first.bin": b"x"})
    ingest(url_source(f"s3://{name}/first.bin"), raw=tmp_path / "first")  # what is imported on the way
    del content
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ingest(url_source(f"s3://{name}/large.bin"), raw=tmp_path / "raw")
    assert (tmp_path / "raw/files/large.bin").stat().st_size == 96 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 70 << 10


def test_a_file_comes_from_a_web_server(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/rows.csv").write_bytes(b"1,2\n")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    with answering(handler) as address:  # type: ignore[arg-type]
        ingest(url_source(f"{address}/rows.csv?version=1"), raw=tmp_path / "raw")
        with pytest.raises(DataError, match="FileNotFoundError"):
            ingest(url_source(f"{address}/no.csv"), raw=tmp_path / "other")
    assert line.tree(tmp_path / "raw/files") == {"rows.csv": b"1,2\n"}


def test_a_protocol_says_which_package_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="gcsfs") as caught:
        ingest(url_source("gs://bucket/images"), raw=tmp_path / "raw")
    assert "pyproject.toml" in caught.value.do
    with pytest.raises(ParamsError, match="Protocol not known: nonsense"):
        ingest(url_source("nonsense://bucket/images"), raw=tmp_path / "raw")


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/x", "images/x", "s3://", "ftp://me:word@host/x"])
def test_a_url_without_protocol_or_with_a_password_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        url_source(url)
    if "@" in url:
        assert "credentials are environment" in str(caught.value.errors()[0]["msg"])


def test_the_password_is_not_in_the_message(folder: Path) -> None:
    params = line.tiny_params()
    params["ingest"]["target"] = {"source": "url", "url": "s3://me:hunter2@b/x", "tracked": "requirements.lock"}
    line.write_params(folder, params)
    done = line.run(folder, "ingest@target")
    assert done.returncode == 78
    assert "hunter2" not in done.stdout and "credentials are environment" in done.stdout


def test_a_stage_that_cannot_fetch_keeps_the_last_data(
    folder: Path, bucket: str, s3_environment: dict[str, str]
) -> None:
    params = line.tiny_params()
    params["ingest"]["target"] = url_source(f"s3://{bucket}/images").model_dump()
    line.write_params(folder, params)
    assert line.run(folder, "ingest@target").returncode == 0
    before = line.tree(folder / "data")
    assert json.loads((folder / "data/raw/target/manifest.json").read_text())["files"].keys() == CONTENTS.keys()
    done = line.run(folder, "ingest@target", AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert done.returncode == 75
    assert "ingest@target failed (TransientError, exit status 75)" in done.stdout
    assert line.tree(folder / "data") == before
