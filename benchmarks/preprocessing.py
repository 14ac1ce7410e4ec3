"""`preprocess` of all 70,000 Fashion-MNIST images, beside reading the same files and writing one array."""

import statistics
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tasks.core.params.data import PathSource, Split
from tasks.data import schema as schemas
from tasks.data.formats import idx
from tasks.data.schema import rows_of
from tasks.ingest import ingest
from tasks.kinds import data_of
from tasks.kinds.image_classification import Preprocess
from tasks.preprocess import preprocess

SOURCE = Path("/usr/share/datasets/fashion-mnist")
RUNS = 5


def main(say: Callable[[str], None]) -> None:
    """Print images a second; needs Debian's package dataset-fashion-mnist."""
    if not SOURCE.is_dir():
        say(f"preprocess: left out, {SOURCE} is not there (Debian's package dataset-fashion-mnist)")
        return
    params = Preprocess(
        format="idx",
        image_shape=(28, 28, 1),
        value_max=255,
        split=Split(validation=0.05, test="given", seed=0),
        attributes=None,
        max_bad_fraction=0.01,
        shard_rows=10000,
    )
    with TemporaryDirectory(prefix="trimline-bench-") as name:
        folder = Path(name)
        raw, schema = folder / "raw", folder / "target.json"
        ingest(PathSource(source="path", tracked=str(SOURCE)), raw=raw)
        observed = data_of("image_classification").observe(
            rows_of(idx, raw / "files", params), "image_classification", params
        )
        schemas.write(schema, observed)
        whole, reading, plain = [], [], []
        for _ in range(RUNS):
            whole.append(
                _seconds(
                    lambda: preprocess(params, "image_classification", raw=raw, schema=schema, ready=folder / "ready")
                )
            )
            reading.append(_seconds(lambda: list(chain(rows_of(idx, raw / "files", params)))))
            plain.append(_seconds(lambda: _plain(raw, params, folder / "plain.npy")))
    images = 70_000
    total, read = statistics.median(whole), statistics.median(reading)
    say(f"preprocess, with reading gzip:          {images / total:9,.0f} images/s")
    say(f"preprocess, once read:                  {images / (total - read):9,.0f} images/s (goal 200,000)")
    say(f"seconds / those of reading and np.save: {total / statistics.median(plain):9.2f}")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _plain(raw: Path, params: Preprocess, target: Path) -> None:
    np.save(target, np.concatenate([chunk.columns["image"] for chunk in rows_of(idx, raw / "files", params)]))
