"""Bundles the smallest recipe that passes every gate, with all that it came from: `dvc repro release`."""

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts import devices, environment
from tasks.contracts.errors import DataError, StageError
from tasks.contracts.files import read_json, replacing, sha256, sha256_tree, write_json
from tasks.contracts.judging import Release
from tasks.contracts.params import Params
from tasks.contracts.progress import say
from tasks.data import columns
from tasks.device import golden as golden_vectors
from tasks.device.running import ExportedFile
from tasks.metrics.candidates import Candidate, judged, smallest_passing
from tasks.metrics.gates import failed


def release(
    params: Release,
    line: Params,
    *,
    models: Path,
    evaluations: Path,
    profiles: Path,
    base: Path,
    data: Path,
    device: Path,
    source: Path,
    lock: Path,
    model: Path,
    assets: Path,
    golden: Path,
    manifest: Path,
) -> None:
    """Pick the recipe and write model, assets, golden vectors and manifest; where none passes, the last bundle stays.

    Raises:
        DataError: a folder holds results of a recipe that `params.yaml` does not name, or a gate names no metric.
        ParamsError: there is no such device.
        StageError: no recipe passes every gate, or the chosen file gives other outputs than `evaluate` saw.
    """
    require_exactly(_of_recipes(list(line.compress), models, evaluations, profiles))
    can_run = devices.load(device)
    candidates = [judged(recipe, evaluations, profiles, params, can_run) for recipe in line.compress]
    chosen = smallest_passing(candidates)
    if chosen is None:
        raise _none_passes(candidates)
    target = columns.load(data)
    file, predictions = models / "tflite" / f"{chosen.recipe}.tflite", evaluations / chosen.recipe / "predictions.npz"
    with (
        replacing(model) as model_file, replacing(assets) as assets_folder, replacing(golden) as golden_file,
        replacing(manifest) as manifest_file,
    ):  # fmt: skip
        shutil.copyfile(file, model_file)
        shutil.copytree(target.assets, assets_folder)
        _write_golden(golden_file, target, predictions, params.golden_rows)
        _require_replayed(model_file, golden_file, line.kind)
        parts = {model.name: sha256(model_file), golden.name: sha256(golden_file)}
        parts |= {f"{assets.name}/{name}": digest for name, digest in sha256_tree(assets_folder).items()}
        write_json(manifest_file, {
            "name": line.report.name,
            "kind": line.kind,
            "recipe": chosen.recipe,
            "interface": _interface(file, target),
            "files": parts,
            "metrics": read_json(evaluations / chosen.recipe / "metrics.json"),
            "device": can_run.description,
            "gates": [gate.recorded() for gate in chosen.gates],
            "candidates": [candidate.recorded() for candidate in candidates],
            "parameters": line.model_dump(mode="json"),
            "inputs": _inputs(base, data, lock, models, evaluations),
            "sources": _sums(source),
            "environment": environment.describe(),
        })  # fmt: skip
    say(f"[100%] release: {chosen.recipe}, {chosen.size_bytes:,} bytes, {len(chosen.gates)} gates passed")


def _of_recipes(recipes: list[str], models: Path, evaluations: Path, profiles: Path) -> dict[Path, set[str]]:
    """Return what each folder has to hold."""
    return {
        models / "tflite": {f"{recipe}.tflite" for recipe in recipes},
        models / "compressed": set(recipes),
        evaluations: set(recipes),
        profiles: {f"{recipe}.json" for recipe in recipes},
    }


def require_exactly(expected: dict[Path, set[str]]) -> None:
    """Refuse leftovers of recipes that are no longer in `params.yaml`: DVC does not see them.

    Raises:
        DataError: a folder holds anything else than is expected of it, or lacks something.
    """
    got = {folder: {path.name for path in folder.iterdir() if not path.name.startswith(".")} for folder in expected}
    extra = sorted(f"{folder}/{name}" for folder in expected for name in got[folder] - expected[folder])
    missing = sorted(f"{folder}/{name}" for folder in expected for name in expected[folder] - got[folder])
    if extra or missing:
        raise DataError(
            got=f"too many: {', '.join(extra) or 'none'}; missing: {', '.join(missing) or 'none'}",
            expected="the files of the recipes of params.yaml, and no other",
            do=f"rm -r {' '.join(extra)}" if extra else "run `dvc repro`",
        )


def _none_passes(candidates: list[Candidate]) -> StageError:
    rows = "\n  ".join(f"{candidate.recipe}: {'; '.join(failed(candidate.gates))}" for candidate in candidates)
    return StageError(
        got=f"no recipe passes every gate\n  {rows}",
        expected="at least one recipe that keeps every bound of release",
        do="raise the bound in params.yaml, or add a recipe under compress; the last release is untouched",
    )


def _write_golden(path: Path, target: columns.Dataset, predictions: Path, wanted: int) -> None:
    rows = golden_vectors.evenly(target.rows("test"), wanted)
    inputs = {name: target.column("test", name).take(rows) for name in target.inputs}
    with np.load(predictions) as seen:
        golden_vectors.write(path, inputs, seen[golden_vectors.OUTPUTS][rows])


def _require_replayed(model: Path, golden: Path, kind: str) -> None:
    answers = import_module(f"tasks.kinds.{kind}.answering").answers
    difference = golden_vectors.replay(model, golden, answers)
    if difference:
        raise StageError(
            got=f"outputs that differ by up to {difference:.3g} from those that evaluate saw of the same file",
            expected="equal outputs: what was measured is what ships",
            do="run `dvc repro` on one kind of processor from evaluate on; the last release is untouched",
        )


def _interface(file: Path, target: columns.Dataset) -> dict[str, Any]:
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


def _inputs(base: Path, data: Path, lock: Path, models: Path, evaluations: Path) -> dict[str, str]:
    """Return the digests of all that the release came from, by path, sorted."""
    target = data / columns.DATASET
    found = {path.as_posix(): sha256(path) for path in (base, target, lock)}
    for dataset, role in ((base, "base"), (target, "target")):
        facts = read_json(dataset)
        found[f"data/raw/{role}/manifest.json"] = facts["raw_manifest_sha256"]
        found[f"schemas/{role}.json"] = facts["schema_sha256"]
    return dict(sorted((found | _sums(models) | _sums(evaluations)).items()))


def _sums(folder: Path) -> dict[str, str]:
    return {f"{folder}/{name}": digest for name, digest in sha256_tree(folder).items() if not name.endswith(".pyc")}
