"""However many processes work, and wherever: the same bytes; and copies and splits are those of all rows in memory."""

import gzip
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core import processes
from tasks.core.errors import DataError
from tasks.data import columns, deduplication, shards, splits, text_lines
from tasks.data import deduplication as kept_rows
from tasks.data.cleaning import Block, sources_at
from tasks.data.records import SPLITS, Array
from tests.tasks import line, oracles, texts
from tests.tasks.test_idx import SCHEMA, idx, section
from tests.tasks.test_tables import settings

ROWS = line.digits(0, 1000)
IMAGES = line.pixels(ROWS)[..., 0].astype(np.uint8)
LABELS = np.array([int(row.rpartition(",")[2]) for row in ROWS], np.uint8)
GIVEN = {"train": 500, "t10k": 400, "validation": 300}


def of_copies(folder: Path, seed: int) -> tuple[Path, Array, Array]:
    """Files of images of which many are equal, some with another label; which image each row is, and the labels."""
    random, source = np.random.default_rng(seed), folder / "source"
    source.mkdir(parents=True)
    chosen, labels = random.integers(0, len(ROWS), sum(GIVEN.values())), np.empty(sum(GIVEN.values()), np.uint8)
    labels[:] = np.where(random.random(len(chosen)) < 0.9, LABELS[chosen], random.integers(0, 10, len(chosen)))
    start = 0
    for name in sorted(GIVEN):  # as they are read
        some = slice(start, start + GIVEN[name])
        (source / f"{name}-images-idx3-ubyte").write_bytes(idx(IMAGES[chosen[some]]))
        (source / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels[some]))
        start += GIVEN[name]
    return source, chosen, labels


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.3), ("given", "given"), (0.2, "given"), ("given", 0.25)])
def test_few_rows_in_memory_give_the_copies_and_splits_of_all(
    validation: Any, test: Any, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deduplication, "BUCKET_ROWS", 50)
    monkeypatch.setattr(kept_rows, "GROUP_ROWS", 64)
    monkeypatch.setattr(kept_rows, "COPIES_TOGETHER", 20)
    source, chosen, labels = of_copies(tmp_path, seed)
    params = section(
        split={"validation": validation, "test": test, "seed": seed}, shard_rows=70, max_bad_fraction=0.9, value_max=255
    )
    ready = line.prepared(tmp_path, source, params, SCHEMA | {"value": {"min": 0, "max": 255}})
    names = {"train": "train", "t10k": "test", "validation": "validation"}
    given = np.concatenate([np.full(GIVEN[name], names[name]) for name in sorted(GIVEN)])
    digests = splits.content_digests(IMAGES[chosen])
    first = oracles.first_of_each(digests, given)
    kept = np.flatnonzero(first == np.arange(len(first)))
    expected = oracles.assign(digests[kept], labels[kept], given[kept], params.split)
    data = columns.load(ready)
    for split in SPLITS:
        assert data.column(split, "row").all().tolist() == kept[expected == split].tolist()
        assert (data.column(split, "image").all()[..., 0] == IMAGES[chosen[kept[expected == split]]]).all()
    told = (ready / "quarantine.csv").read_text().splitlines()[1:]
    places = [f"{name}-images-idx3-ubyte:{row}" for name in sorted(GIVEN) for row in range(GIVEN[name])]
    another = np.where(labels != labels[first], " with another class", "")
    left_out = np.flatnonzero(first != np.arange(len(first)))
    assert told == [f"{places[row]},duplicate{another[row]}: of {places[first[row]]}" for row in left_out]


def test_the_sources_of_a_group_of_copies_are_read_once_from_each_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = list[int]()

    def noted(block: Block, rows: Array) -> list[str]:
        read.append(len(rows))
        return sources_at(block, rows)

    monkeypatch.setattr(kept_rows, "sources_at", noted)
    # The shards name the sources of their rows later, which is not counted here.
    monkeypatch.setattr(shards, "sources_in", lambda _, rows: iter([""] * len(rows)))
    source, _, _ = of_copies(tmp_path, 0)
    ready = line.prepared(tmp_path, source, section(shard_rows=70, max_bad_fraction=0.9), SCHEMA)
    assert len((ready / "quarantine.csv").read_text().splitlines()) > 300
    blocks = sum(-(-rows // 70) for rows in GIVEN.values())
    assert blocks - 3 <= len(read) <= blocks  # the first rows lie in nearly all blocks, and no block is read twice


def table(folder: Path) -> tuple[Path, Any, dict[str, Any]]:
    """A table of many parts, with missing numbers, copies and some bad rows."""
    random = np.random.default_rng(0)
    numbers = np.round(random.normal(size=(3000, 3)), 3).astype(str)
    numbers[random.random(numbers.shape) < 0.05] = "NA"
    lines = [f"{one},{two},{random.choice(['a', 'b', 'é', ''])},{goal}" for one, two, goal in numbers]
    lines = [line for line in lines if not line.endswith("NA")]
    lines[7::500] = [f'"{random.normal():.3f}",1,"a, b",5'] * len(lines[7::500])
    lines[11::400] = ["many,1,a,5"] * len(lines[11::400])
    (folder / "source").mkdir(parents=True)
    for name, some in (("one.csv", lines[:2000]), ("two.csv", lines[2000:])):
        (folder / "source" / name).write_text("one,two,word,goal\n" + "\n".join(some))
    params = settings(numeric=["one", "two"], categorical=["word"], target="goal")
    wide = {"min": -1e3, "max": 1e3}
    schema = {"kind": "regression", "numeric": {"one": wide, "two": wide}, "categorical": ["word"], "target": wide}
    return folder / "source", params.model_copy(update={"shard_rows": 250, "max_bad_fraction": 0.1}), schema


def images(folder: Path) -> tuple[Path, Any, dict[str, Any]]:
    source, _, _ = of_copies(folder, 0)
    for path in source.glob("t10k*"):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()
    return source, section(shard_rows=70, max_bad_fraction=0.9), SCHEMA


def sentences(folder: Path) -> tuple[Path, Any, dict[str, Any]]:
    (folder / "source").mkdir(parents=True)
    for name in ("one", "two"):
        lines = [
            f"{label}\t{name} {text} {number}"
            for number in range(60)
            for label, text in (("ham", "a b"), ("spam", "c"))
        ]
        (folder / "source" / f"{name}.tsv").write_text("\n".join(lines))
    return folder / "source", texts.section(shard_rows=50), texts.SCHEMA


@pytest.mark.parametrize("data", [table, images, sentences])
def test_one_process_and_two_write_the_same_bytes(data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "MIN_BYTES", 1 << 10)
    monkeypatch.setattr(deduplication, "BUCKET_ROWS", 50)
    monkeypatch.setattr(kept_rows, "GROUP_ROWS", 64)
    source, params, schema = data(tmp_path)
    trees = []
    for count in ("1", "2"):
        monkeypatch.setenv(processes.WORKERS, count)
        trees.append(line.tree(line.prepared(tmp_path / count, source, params, schema)))
    assert trees[0] == trees[1] and len(trees[0]) > 15
    assert [path.name for path in (tmp_path / "2").iterdir() if path.name.startswith(".")] == []


def test_rows_that_were_written_make_room_for_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, params, schema = images(tmp_path)
    write, staged = shards._write, list[int]()

    def watched(*told: Any) -> dict[str, Any]:
        time.sleep(0.02)  # it is removed beside
        staged.append(len(list(tmp_path.glob(".*/.staged/*.rows"))))
        return write(*told)

    monkeypatch.setattr(shards, "_write", watched)
    line.prepared(tmp_path, source, params, schema)
    assert staged == sorted(staged, reverse=True) and staged[-1] < staged[0] / 2


def test_a_file_that_is_damaged_in_its_middle_is_refused_as_by_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_lines, "MIN_BYTES", 1 << 10)
    source, params, schema = table(tmp_path)
    lines = (source / "two.csv").read_bytes().split(b"\n")
    lines[400] = b"\xff,1,a,5"
    (source / "two.csv").write_bytes(b"\n".join(lines))
    told = []
    for count in ("1", "2"):
        monkeypatch.setenv(processes.WORKERS, count)
        with pytest.raises(DataError) as refusal:
            line.prepared(tmp_path / count, source, params, schema)
        told.append(refusal.value.got)
        assert sorted(path.name for path in (tmp_path / count).iterdir()) == ["raw", "schema.json"]
    assert told == ["two.csv:401: the byte 0xff, which is not UTF-8"] * 2


CLUSTER = """
import sys
import ray
ray.init("local", num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False,
         configure_logging=False)
print("address", ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""


OPEN = {"RAY_AUTH_MODE": "disabled"}  # by itself a cluster of one process lets in nobody else


@pytest.fixture
def ray_address() -> Iterator[str]:
    """A cluster of this machine's own, by its address."""
    words = [sys.executable, "-c", CLUSTER]
    environment = os.environ | OPEN | {"RAY_USAGE_STATS_ENABLED": "0"}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as cluster:
        assert cluster.stdout and cluster.stdin
        yield next(told.split()[1] for told in cluster.stdout if told.startswith("address"))
        cluster.stdin.close()


def test_a_cluster_of_ray_writes_the_same_bytes_and_hands_on_what_it_refuses(folder: Path, ray_address: str) -> None:
    params = line.tiny_params()
    params["preprocess"]["target"]["shard_rows"] = 40
    line.write_params(folder, params)
    line.run_all(folder, ["ingest@target", "preprocess@target"])
    expected = line.tree(folder / "data/ready")
    done = line.run(folder, "preprocess@target", RAY_ADDRESS=ray_address, **OPEN)
    assert done.returncode == 0, done.stdout
    assert line.tree(folder / "data/ready") == expected

    params["preprocess"]["target"]["image_shape"] = [16, 16, 1]
    (folder / "incoming/target.csv").write_bytes(b"\xff\x01" * 500)
    (folder / "incoming/another.csv").write_text("\n".join(ROWS[:50]))
    params["ingest"]["target"]["tracked"] = "incoming"
    line.write_params(folder, params)
    line.run_all(folder, ["ingest@target"])
    refused = line.run(folder, "preprocess@target", RAY_ADDRESS=ray_address, **OPEN)
    assert refused.returncode == 65, refused.stdout
    assert "target.csv:1: the byte 0xff" in refused.stdout
    assert line.tree(folder / "data/ready") == expected
