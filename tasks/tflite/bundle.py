"""A released bundle: its files with their SHA-256 sums, its golden vectors, its lineage.

A bundle of version 0.1 has the digests of the source files under "sources" and no digests of the pages; what is read
here is the same in both.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import DataError
from tasks.core.files import read_json, sha256, sha256_tree
from tasks.data import columns
from tasks.data.columns import Dataset
from tasks.data.records import Array, Columns
from tasks.tflite.runtime import ExportedFile

MODEL, ASSETS, MANIFEST = "model.tflite", "assets", "manifest.json"


def open_bundle(bundle: Path) -> dict[str, Any]:
    """Return a bundle's manifest.

    Raises:
        DataError: there is none, or a file of it is missing or changed.
    """
    path = bundle / MANIFEST
    if not path.is_file():
        raise DataError(got=f"no {path}", do="run `make run`, or correct the path")
    manifest: dict[str, Any] = read_json(path)
    for name, expected in manifest["files"].items():
        got = sha256(bundle / name) if (bundle / name).is_file() else "no file"
        if got != expected:
            raise DataError(
                got=f"{bundle / name}: {got}",
                expected=f"SHA-256 {expected}",
                do="copy the whole bundle from its source again",
            )
    return manifest


def tflite_file(models: Path, recipe: str) -> Path:
    """Return where the exported file of a recipe lies."""
    return models / "tflite" / f"{recipe}.tflite"


def interface(file: Path, target: Dataset) -> dict[str, Any]:
    """Say what the device feeds, input by input; `raw` is what the bundle's assets make of a row."""
    found = {}
    for name, details in ExportedFile(file, threads=1).inputs(target.inputs).items():
        scale, zero_point = details["quantization"]
        shape, dtype = [int(size) for size in details["shape"][1:]], details["dtype"].__name__
        feed = "raw - 128" if dtype == "int8" and target.inputs[name]["dtype"] == "uint8" else "raw"
        found[name] = {
            "shape": shape, "dtype": dtype, "scale": float(scale), "zero_point": int(zero_point), "feed": feed,
        }  # fmt: skip
    return found


GOLDEN, OUTPUTS = "golden.npz", "outputs"

Infer = Callable[[Path, Columns, int], Array]  # outputs of a file, (rows, n), for inputs by name, on so many threads


def write_golden(path: Path, inputs: Columns, outputs: Array) -> None:
    """Write raw inputs by name, (rows, ...) each, and outputs, (rows, n)."""
    with path.open("wb") as file:  # a path would be given the suffix .npz
        np.savez(file, **{**inputs, OUTPUTS: outputs})  # type: ignore[arg-type]


def replay_golden(model: Path, golden: Path, infer: Infer) -> float:
    """Return the largest difference of any output between the file here and where it was released.

    Args:
        model: the file.
        golden: its vectors.
        infer: of its kind; see `tasks.metrics.kind_evaluation.KindEvaluation`.

    Raises:
        DataError: the model cannot be run.
    """
    with np.load(golden) as file:
        inputs, expected = {name: file[name] for name in file.files if name != OUTPUTS}, file[OUTPUTS]
    return float(np.abs(infer(model, inputs, 1) - expected).max())


def inputs(base: Path, data: Path, models: Path, evaluations: Path) -> dict[str, str]:
    """Return the SHA-256 of both data sets, their raw files and schemas, of all models and all evaluations, sorted.

    Args:
        base: `dataset.json` of the base data set.
        data: the folder of the target data set.
        models: the folder of every model that the line trained or exported.
        evaluations: the folder of what `evaluate` wrote.
    """
    return dict(sorted((datasets(base, data) | digests(models) | digests(evaluations)).items()))


def datasets(base: Path, data: Path) -> dict[str, str]:
    """Return the SHA-256 of both `dataset.json`, and what they say of the raw files and the schema."""
    found = {}
    for path in dict.fromkeys((base, data / columns.DATASET)):  # one, where a line trains on its target
        metadata, role = read_json(path), path.parent.name
        found[path.as_posix()] = sha256(path)
        found[f"data/raw/{role}/manifest.json"] = metadata["raw_manifest_sha256"]
        found[f"schemas/{role}.json"] = metadata["schema_sha256"]
    return found


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its path with the folder's name before it."""
    return {f"{folder.as_posix()}/{name}": digest for name, digest in sha256_tree(folder).items()}
