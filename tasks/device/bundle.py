"""A released bundle: `model.tflite` with all that belongs to it, each file as `manifest.json` has its SHA-256."""

from pathlib import Path
from typing import Any

from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json, sha256

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
