"""Artifacts and raw data in a bucket of a real S3 server, as docs/how-to/remote-storage.md has them."""

import re
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest

from flows import dvc
from flows.errors import Busy
from tests import s3
from tests.flows import toy
from tests.tasks import line


@pytest.fixture
def bucket(s3_environment: dict[str, str]) -> str:
    name = f"trimline-{uuid.uuid4()}"
    s3.fill(s3_environment, name, {"raw/a.csv": b"1\n", "raw/deep/b.csv": b"2\n"})
    return name


def clone_of(root: Path, folder: Path) -> Path:
    toy.run(folder.parent, "git", "clone", "--quiet", str(root), str(folder))
    return folder


def add_remote(root: Path, bucket: str) -> None:
    toy.run(root, "dvc", "remote", "add", "--default", "store", f"s3://{bucket}/artifacts")
    toy.run(root, "dvc", "remote", "modify", "store", "verify", "true")
    toy.commit(root, "A remote for artifacts")


def test_what_one_clone_pushes_to_a_bucket_another_pulls_and_has_nothing_to_do(
    root: Path, bucket: str, tmp_path: Path
) -> None:
    add_remote(root, bucket)
    toy.run(root, "dvc", "repro", "--quiet")
    toy.commit(root, "Run")
    toy.run(root, "dvc", "push")
    other = clone_of(root, tmp_path / "other")
    toy.run(other, "dvc", "pull")
    assert (other / "late").read_text() == (root / "late").read_text()
    assert toy.run(other, "dvc", "repro").stdout.strip().endswith("Data and pipelines are up to date.")
    third = clone_of(root, tmp_path / "third")
    list(dvc.restore(third, shared_cache=False))  # what the flow does first
    assert (third / "late").exists()
    settings = (root / ".dvc/config").read_text()
    assert "127.0.0.1" not in settings and "test" not in settings  # address and credentials are environment


def ingested(folder: Path) -> list[str]:
    """The stages that had to run, after all were asked for."""
    said = toy.run(folder, "dvc", "repro", "ingest@base", "ingest@target").stdout
    return sorted(re.findall("Running stage '(.+)'", said))


def test_ingest_runs_when_the_bucket_has_new_data_and_only_then(
    bucket: str, s3_environment: dict[str, str], tmp_path: Path
) -> None:
    """The real graph: one data set is an object, the other a folder of them. DVC fetches neither to see what is new."""
    folder = line.create(tmp_path / "line")
    shutil.copy2(toy.REPOSITORY / "dvc.yaml", folder)
    params = line.tiny_params()
    for role, key in (("base", "raw/a.csv"), ("target", "raw/deep")):
        url = f"s3://{bucket}/{key}"
        params["ingest"][role] = {"source": "url", "url": url, "tracked": url}
    line.write_params(folder, params)
    toy.run(folder, "git", "init", "--quiet")
    toy.run(folder, "dvc", "init", "--quiet")
    client: Any = s3.client(s3_environment)

    assert ingested(folder) == ["ingest@base", "ingest@target", "plan"]
    client.put_object(Bucket=bucket, Key="raw/a.csv", Body=b"3\n")  # another content of the same size
    assert ingested(folder) == ["ingest@base"]
    client.put_object(Bucket=bucket, Key="raw/deep/new.csv", Body=b"4\n")
    assert ingested(folder) == ["ingest@target"]
    assert ingested(folder) == []
    assert line.tree(folder / "data/raw/target/files") == {"b.csv": b"2\n", "new.csv": b"4\n"}


def test_a_bucket_that_does_not_answer_is_tried_again(root: Path, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC asks before the stage starts, so it is not the stage that can say 75."""
    with (root / "dvc.yaml").open("a") as file:
        file.write(f"  watch:\n    cmd: echo run > runs\n    deps:\n    - s3://{bucket}/raw\n    outs: [runs]\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(Busy, match="Could not connect to the endpoint"):
        list(dvc.reproduce(root, "watch"))
