"""Release gates: each has a value, a bound, an interval, a verdict. The smallest recipe that passes all is chosen."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.core.errors import DataError
from tasks.core.files import read_json
from tasks.core.params.gates import Device, Release

# They differ between equal runs, so a manifest holds their bounds and verdicts only.
MEASURED = frozenset({"max_latency_us", "max_memory_bytes", "max_latency_growth"})


@dataclass(frozen=True)
class Gate:
    """One question with its answer.

    Attributes:
        name: the key in `params.yaml` that holds the bound, such as `max_drop.accuracy`.
        value: what was measured; None where it is undefined, which never passes.
        bound: that the value, or the end of its interval that is worse, has to keep.
        passed: the verdict.
        interval: of the value.
        reason: why it did not pass, for people.
    """

    name: str
    value: float | None
    bound: float
    passed: bool
    interval: list[float] | None = None
    reason: str | None = None

    def recorded(self) -> dict[str, Any]:
        """Return what equal runs agree on: of a measured gate that failed, the reason names the bound alone."""
        if self.name not in MEASURED:
            return asdict(self)
        reason = None if self.passed else f"{self.name}: more than {_shown(self.bound)}"
        return asdict(self) | {"value": None, "interval": None, "reason": reason}


def at_most(name: str, value: float | None, bound: float | None, interval: list[float] | None = None) -> list[Gate]:
    """Return the gate that a value, by the upper end of its interval where it has one, is no more than a bound.

    Without a bound there is no gate.
    """
    return _gate(name, value, bound, interval, sign=1)


def at_least(name: str, value: float | None, bound: float | None, interval: list[float] | None = None) -> list[Gate]:
    """Return the gate that a value, by the lower end of its interval where it has one, is no less than a bound."""
    return _gate(name, value, bound, interval, sign=-1)


def score_gates(scores: Mapping[str, Any], at_least_: Mapping[str, float], at_most_: Mapping[str, float]) -> list[Gate]:
    """Return the gates on metrics themselves.

    Raises:
        DataError: there is no metric of a name.
    """
    _require_known(scores, [*at_least_, *at_most_])
    groups = [at_least(f"at_least.{name}", **_value(scores[name]), bound=bound) for name, bound in at_least_.items()]
    groups += [at_most(f"at_most.{name}", **_value(scores[name]), bound=bound) for name, bound in at_most_.items()]
    return [gate for group in groups for gate in group]


def drop_gates(scores: Mapping[str, Any], max_drop: Mapping[str, float]) -> list[Gate]:
    """Return the gates on what is lost against the reference, by the upper ends of the paired intervals.

    Raises:
        DataError: there is no metric of a name.
    """
    _require_known(scores, max_drop)
    groups = [
        at_most(f"max_drop.{name}", scores[name]["drop"], bound, scores[name]["drop_interval"])
        for name, bound in max_drop.items()
    ]
    return [gate for group in groups for gate in group]


def slice_gate(slices: list[dict[str, Any]], max_slice_drop: float, min_slice_rows: int) -> list[Gate]:
    """Return the gate on the largest drop of a slice.

    It is the estimate that counts: the interval of a slice of some tens of rows is wider than any useful bound. Slices
    of fewer rows than `min_slice_rows` are not judged.
    """
    judged = [one for one in slices if one["rows"] >= min_slice_rows]
    if not judged:
        return [Gate("max_slice_drop", 0.0, max_slice_drop, passed=True)]
    worst = max(judged, key=lambda one: (one["drop"], one["slice"]))
    (gate,) = at_most("max_slice_drop", worst["drop"], max_slice_drop)
    reason = f"{gate.reason}, in the slice {worst['slice']} of {worst['rows']} rows" if gate.reason else None
    return [Gate(gate.name, gate.value, gate.bound, gate.passed, worst["drop_interval"], reason)]


def failed(gates: Iterable[Gate]) -> list[str]:
    """Say which gates are not passed, with got and bound."""
    return [gate.reason or gate.name for gate in gates if not gate.passed]


def _gate(name: str, value: float | None, bound: float | None, interval: list[float] | None, sign: int) -> list[Gate]:
    if bound is None:
        return []
    if value is None:
        return [Gate(name, None, bound, passed=False, reason=f"{name}: undefined on these rows")]
    judged = interval[1 if sign > 0 else 0] if interval else value
    passed = sign * judged <= sign * bound
    which = (" up to" if sign > 0 else " down to") if interval else ""
    reason = None if passed else f"{name}:{which} {_shown(judged)} {'>' if sign > 0 else '<'} {_shown(bound)}"
    return [Gate(name, value, bound, passed, interval, reason)]


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _value(score: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": score["value"], "interval": score["interval"]}


def _require_known(scores: Mapping[str, Any], names: Iterable[str]) -> None:
    if unknown := sorted(set(names) - set(scores)):
        raise DataError(
            got=f"gates on {', '.join(unknown)}", expected=f"some of {', '.join(scores)}", do="correct the names"
        )


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


def apply_gates(recipe: str, evaluations: Path, profiles: Path, params: Release, device: Device) -> Candidate:
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
            expected="exactly the files of the recipes in params.yaml",
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
