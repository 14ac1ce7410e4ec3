"""Lineage: the digests of all that a model came from, by path."""

from pathlib import Path

from tasks.core.files import read_json, sha256, sha256_tree
from tasks.data import columns


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
    for path, role in ((base, "base"), (data / columns.DATASET, "target")):
        metadata = read_json(path)
        found[path.as_posix()] = sha256(path)
        found[f"data/raw/{role}/manifest.json"] = metadata["raw_manifest_sha256"]
        found[f"schemas/{role}.json"] = metadata["schema_sha256"]
    return found


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its path with the folder's name before it."""
    return {f"{folder.as_posix()}/{name}": digest for name, digest in sha256_tree(folder).items()}
