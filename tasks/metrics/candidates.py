"""Which recipe is released: the smallest of those that pass every gate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.contracts.devices import Device
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
    """Return the candidate that passes all its gates with the fewest zip bytes, None where there is none.

    int8 files of one network are equally big on the device, so the bytes that travel decide between them.
    """
    inside = [candidate for candidate in candidates if all(gate.passed for gate in candidate.gates)]
    return min(
        inside, key=lambda candidate: (candidate.zip_bytes, candidate.size_bytes, candidate.recipe), default=None
    )
