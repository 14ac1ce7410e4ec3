"""A real S3 server on a free port of this machine, from the package moto, and what clients need to know of it."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile
from typing import Any

from flows.serve import free_port

SECONDS_TO_START = 60
KEYS_PER_LISTING = 5  # S3 itself gives 1,000 at a time; fewer show whether a client asks for the rest
# What a user sets, and nothing of the user's own.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}  # fmt: skip


@contextmanager
def server() -> Iterator[dict[str, str]]:
    """Yield the environment with which any AWS client finds it."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    settings = os.environ | {"MOTO_S3_DEFAULT_MAX_KEYS": str(KEYS_PER_LISTING)}
    with subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/moto-api/", process)
            with NamedTemporaryFile() as empty:
                files = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), empty.name)
                yield CREDENTIALS | files | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        finally:
            process.kill()


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"no S3 server at {url}")


def client(environment: dict[str, str]) -> Any:
    """A client that knows nothing of fsspec or DVC."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def fill(environment: dict[str, str], bucket: str, contents: dict[str, bytes]) -> Any:
    """Make a bucket that holds these, by their keys; returns a client."""
    s3 = client(environment)
    s3.create_bucket(Bucket=bucket)
    for key, content in contents.items():
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    return s3
