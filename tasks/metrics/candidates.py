"""The candidates for a release: recipes with their gates. The smallest that passes every gate is released."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.contracts.devices import Device
from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json
from tasks.contracts.judging import Release
from tasks.metrics.gates import Gate, at_least, at_most, drop_gates, score_gates, slice_gate


@dataclass(frozen=True)
class Candidate:
    """A recipe with its gates.

    Attributes:
        recipe: its name in `params.yaml`.
        size_bytes: of the file on the device.
        zip_bytes: of the file on its way there.
        gates: all of them, passed or not.
    """

    recipe: str
    size_bytes: int
    zip_bytes: int
    gates: list[Gate]

    def recorded(self) -> dict[str, Any]:
        """Return what equal runs agree on."""
        return {**vars(self), "gates": [gate.recorded() for gate in self.gates]}

    @property
    def size(self) -> tuple[int, int, str]:
        """Sorts candidates: int8 files of one network take equal bytes on the device, so the zip bytes come first."""
        return self.zip_bytes, self.size_bytes, self.recipe


def judged(recipe: str, evaluations: Path, profiles: Path, params: Release, device: Device) -> Candidate:
    """Hold a recipe's measurements against the bounds.

    Raises:
        DataError: a bound names no metric.
    """
    metrics, profile = read_json(evaluations / recipe / "metrics.json"), read_json(profiles / f"{recipe}.json")
    gates = [
        *at_most("max_size_bytes", metrics["size_bytes"], params.max_size_bytes),
        *at_most("max_latency_us", profile["latency_us"]["median"], params.max_latency_us),
        *at_most("max_memory_bytes", profile["memory"]["tensor_bytes"], params.max_memory_bytes),
        *score_gates(metrics["scores"], params.at_least, params.at_most),
        *drop_gates(metrics["scores"], params.max_drop),
        *slice_gate(metrics["slices"], params.max_slice_drop, params.min_slice_rows),
        *at_least("min_agreement", metrics["agreement_with_float32"], params.min_agreement),
        device_gate(profile, device),
    ]
    return Candidate(recipe, metrics["size_bytes"], metrics["zip_bytes"], gates)


def device_gate(profile: dict[str, Any], device: Device) -> Gate:
    """Return the gate that a device can run all operators of a file; its value is the number of those it cannot."""
    foreign = sorted(set(profile["operators"]["all"]) - set(device.operators))
    foreign += [f"tensors of {name}" for name in profile["written_types"] if name not in device.types]
    reason = f"device: {', '.join(foreign)} on {device.description}" if foreign else None
    return Gate("device", len(foreign), 0, passed=not foreign, reason=reason)


def smallest_passing(candidates: list[Candidate]) -> Candidate | None:
    """Return the candidate that passes all its gates with the fewest zip bytes, None where there is none."""
    passing = [candidate for candidate in candidates if all(gate.passed for gate in candidate.gates)]
    return min(passing, key=lambda candidate: candidate.size, default=None)


def nearest(candidates: list[Candidate]) -> Candidate:
    """Return the candidate that fails the fewest gates; of those, the smallest."""
    return min(candidates, key=lambda candidate: (sum(not gate.passed for gate in candidate.gates), *candidate.size))


def require_exactly(recipes: list[str], *, models: Path, evaluations: Path, profiles: Path | None = None) -> None:
    """Refuse leftovers of recipes that are no longer in the settings: DVC does not see them.

    Raises:
        DataError: a folder holds anything else than the files of these recipes, or lacks one.
    """
    expected = _files_of(recipes, models, evaluations, profiles)
    got = {folder: {path.name for path in folder.iterdir() if not path.name.startswith(".")} for folder in expected}
    extra = sorted(f"{folder}/{name}" for folder in expected for name in got[folder] - expected[folder])
    missing = sorted(f"{folder}/{name}" for folder in expected for name in expected[folder] - got[folder])
    if extra or missing:
        raise DataError(
            got=f"too many: {', '.join(extra) or 'none'}; missing: {', '.join(missing) or 'none'}",
            expected="the files of the recipes of params.yaml, and no other",
            do=f"rm -r {' '.join(extra)}" if extra else "run `dvc repro`",
        )


def _files_of(recipes: list[str], models: Path, evaluations: Path, profiles: Path | None) -> dict[Path, set[str]]:
    """Return the names that each folder has to hold."""
    found = {
        models / "tflite": {f"{recipe}.tflite" for recipe in recipes},
        models / "compressed": set(recipes),
        evaluations: set(recipes),
    }
    return found if profiles is None else found | {profiles: {f"{recipe}.json" for recipe in recipes}}
