"""A released bundle: `model.tflite` with all that belongs to it, each file as `manifest.json` has its SHA-256.

A bundle of version 0.1 has the digests of the source files under "sources" and no digests of the pages; what is read
here is the same in both.
"""

from pathlib import Path
from typing import Any

from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json, sha256
from tasks.data.columns import Dataset
from tasks.device.running import ExportedFile

MODEL, ASSETS, MANIFEST = "model.tflite", "assets", "manifest.json"


def opened(bundle: Path) -> dict[str, Any]:
    """Return a bundle's manifest.

    Raises:
        DataError: there is none, or a file of it is missing or changed.
    """
    path = bundle / MANIFEST
    if not path.is_file():
        raise DataError(got=f"no {path}", expected="a released bundle", do="run `make run`, or correct the path")
    manifest: dict[str, Any] = read_json(path)
    for name, expected in manifest["files"].items():
        got = sha256(bundle / name) if (bundle / name).is_file() else "no file"
        if got != expected:
            raise DataError(
                got=f"{bundle / name}: {got}",
                expected=f"SHA-256 {expected}",
                do="take the whole bundle from its source",
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
