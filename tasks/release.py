"""Bundles the smallest recipe inside the budget, with all that it came from: `dvc repro release`."""

import shutil
from pathlib import Path
from typing import Any

from tasks.contracts import environment, stage
from tasks.contracts.errors import DataError, StageError
from tasks.contracts.files import read_json, replacing, sha256, sha256_tree, write_json
from tasks.contracts.params import Params, Release
from tasks.contracts.progress import say
from tasks.device.running import ExportedFile
from tasks.metrics.budget import Candidate, smallest_within


def release(
    params: Release,
    line: Params,
    *,
    models: Path,
    evaluations: Path,
    profiles: Path,
    base: Path,
    target: Path,
    source: Path,
    lock: Path,
    model: Path,
    labels: Path,
    manifest: Path,
) -> None:
    """Pick the recipe and write model, labels and manifest; where no recipe fits, the last bundle stays.

    Raises:
        DataError: a folder holds results of a recipe that `params.yaml` does not name.
        StageError: no recipe keeps every bound.
    """
    recipes = list(line.compress)
    require_exactly({
        models / "tflite": {f"{recipe}.tflite" for recipe in recipes},
        models / "compressed": set(recipes),
        evaluations: set(recipes),
        profiles: {f"{recipe}.json" for recipe in recipes},
    })  # fmt: skip
    candidates = [_candidate(recipe, evaluations, profiles) for recipe in recipes]
    chosen = smallest_within(candidates, params)
    if chosen is None:
        raise _none_fits(candidates, params)
    file = models / "tflite" / f"{chosen.recipe}.tflite"
    dataset = read_json(target)
    inputs = {path.as_posix(): sha256(path) for path in (base, target, lock)}
    inputs |= _origins(base, "base") | _origins(target, "target") | _sums(models) | _sums(evaluations)
    with replacing(model) as model_file, replacing(labels) as labels_file, replacing(manifest) as manifest_file:
        shutil.copyfile(file, model_file)
        labels_file.write_text("\n".join(dataset["classes"]) + "\n", encoding="utf-8")
        write_json(manifest_file, {
            "name": line.report.name,
            "kind": line.kind,
            "recipe": chosen.recipe,
            "input": _interface(file),
            "files": {"model.tflite": sha256(model_file), "labels.txt": sha256(labels_file)},
            "metrics": read_json(evaluations / chosen.recipe / "metrics.json"),
            "budget": _verdict(chosen, params),
            "candidates": [_judged(candidate, params) for candidate in candidates],
            "parameters": line.model_dump(mode="json"),
            "inputs": dict(sorted(inputs.items())),
            "sources": _sums(source),
            "environment": environment.describe(),
        })  # fmt: skip
    say(f"[100%] release: {chosen.recipe}, {chosen.size_bytes:,} bytes, accuracy {chosen.accuracy:.4f}")


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


def _candidate(recipe: str, evaluations: Path, profiles: Path) -> Candidate:
    metrics = read_json(evaluations / recipe / "metrics.json")
    return Candidate(
        recipe=recipe,
        size_bytes=metrics["size_bytes"],
        zip_bytes=metrics["zip_bytes"],
        accuracy=metrics["accuracy"],
        accuracy_drop=metrics["accuracy_drop"],
        accuracy_drop_upper=metrics["accuracy_drop_interval"][1],
        latency_us=read_json(profiles / f"{recipe}.json")["latency_us"]["median"],
    )


def _none_fits(candidates: list[Candidate], budget: Release) -> StageError:
    rows = "\n  ".join(f"{candidate.recipe}: {'; '.join(candidate.broken(budget))}" for candidate in candidates)
    return StageError(
        got=f"no recipe inside the budget\n  {rows}",
        expected="at least one recipe that keeps every bound of release",
        do="raise the bound in params.yaml, or add a recipe under compress; the last release is untouched",
    )


def _interface(file: Path) -> dict[str, Any]:
    """Say what the device feeds: `raw` is 0 to 255."""
    details = ExportedFile(file, threads=1).input
    scale, zero_point = details["quantization"]
    dtype = details["dtype"].__name__
    feed = "raw - 128" if dtype == "int8" else "raw"
    shape = [int(size) for size in details["shape"][1:]]
    return {"shape": shape, "dtype": dtype, "scale": float(scale), "zero_point": int(zero_point), "feed": feed}


def _verdict(chosen: Candidate, budget: Release) -> dict[str, Any]:
    bounds = budget.model_dump()
    return {name: {"bound": bounds[name], "kept": kept} for name, kept in chosen.verdict(budget).items()}


def _judged(candidate: Candidate, budget: Release) -> dict[str, Any]:
    """Describe a candidate; of its latency the verdict only, since the number differs between equal runs."""
    shown = {name: value for name, value in vars(candidate).items() if name != "latency_us"}
    return {**shown, "kept": candidate.verdict(budget)}


def _origins(dataset: Path, role: str) -> dict[str, str]:
    facts = read_json(dataset)
    return {
        f"data/raw/{role}/manifest.json": facts["raw_manifest_sha256"],
        f"schemas/{role}.json": facts["schema_sha256"],
    }


def _sums(folder: Path) -> dict[str, str]:
    return {f"{folder}/{name}": digest for name, digest in sha256_tree(folder).items() if not name.endswith(".pyc")}


if __name__ == "__main__":
    stage.run(release)
