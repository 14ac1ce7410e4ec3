"""Raw data of any size, made from seeds: images of noise, and a table of numbers."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.files import sha256_tree, write_json
from tasks.core.params.data import Preprocess, Tables
from tasks.kinds.image_classification import Preprocess as Images

SHARED: dict[str, Any] = {
    "split": {"validation": 0.05, "test": 0.1, "seed": 0}, "attributes": None, "max_bad_fraction": 0.01,
    "shard_rows": 10_000,
}  # fmt: skip
NUMBERS = [f"number_{place}" for place in range(10)]
RANGE = {"min": -1e3, "max": 1e3}
AT_ONCE = 100_000


@dataclass(frozen=True)
class Data:
    """What is made and preprocessed.

    Attributes:
        kind: of work.
        params: the section `preprocess.<role>`.
        schema: what the data promise.
        write: writes so many rows below a folder.
        row_bytes: of a row in the raw files, about.
    """

    kind: str
    params: Preprocess
    schema: dict[str, Any]
    write: Callable[[Path, int], None]
    row_bytes: int


def write_images(folder: Path, rows: int) -> None:
    """Write images of 28x28 of noise, and labels, as IDX files."""
    random = np.random.default_rng(0)
    with (folder / "train-images-idx3-ubyte").open("wb") as file:
        file.write(struct.pack(">HBB3I", 0, 8, 3, rows, 28, 28))
        for start in range(0, rows, AT_ONCE):
            file.write(random.bytes(784 * min(AT_ONCE, rows - start)))
    labels = random.integers(0, 10, rows, np.uint8)
    (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">HBB1I", 0, 8, 1, rows) + labels.tobytes())


def write_table(folder: Path, rows: int) -> None:
    """Write ten numbers and a target of six decimals as a CSV file."""
    import pyarrow
    from pyarrow import csv

    random = np.random.default_rng(0)
    names = [*NUMBERS, "target"]
    schema = pyarrow.schema([(name, pyarrow.float64()) for name in names])
    with csv.CSVWriter(folder / "rows.csv", schema) as writer:
        for start in range(0, rows, AT_ONCE):
            values = np.round(random.normal(size=(min(AT_ONCE, rows - start), len(names))), 6)
            writer.write_table(pyarrow.table(list(values.T), schema=schema))


DATA = {
    "images of 28x28": Data(
        "image_classification",
        Images.model_validate({**SHARED, "format": "idx", "image_shape": (28, 28, 1), "value_max": 255}),
        {
            "kind": "image_classification", "dtype": "uint8", "height": {"min": 28, "max": 28},
            "width": {"min": 28, "max": 28}, "channels": 1, "value": {"min": 0, "max": 255},
            "classes": [str(label) for label in range(10)],
        },
        write_images,
        785,
    ),
    "CSV rows of 10 numbers": Data(
        "regression",
        Tables.model_validate(
            {
                **SHARED, "format": "csv", "header": True, "columns": {name: name for name in [*NUMBERS, "target"]},
                "numeric": NUMBERS, "categorical": [], "target": "target",
            }
        ),
        {"kind": "regression", "numeric": dict.fromkeys(NUMBERS, RANGE), "categorical": [], "target": RANGE},
        write_table,
        103,
    ),
}  # fmt: skip


def made(folder: Path, data: Data, rows: int) -> None:
    """Write raw data as `ingest` would, and their schema."""
    files = folder / "raw/files"
    files.mkdir(parents=True)
    data.write(files, rows)
    write_json(folder / "raw/manifest.json", {"files": sha256_tree(files)})
    write_json(folder / "schema.json", data.schema)
