"""Candidates for a release: every recipe with its gates, of which the smallest that passes is chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.core.errors import DataError
from tasks.core.files import read_json, sha256
from tasks.core.params.gates import Accept, Device, Release
from tasks.metrics.gates import Gate, Judge, device_gate

FLOAT32 = "float32"  # the recipe that all others are compared with


@dataclass(frozen=True)
class Candidate:
    """A recipe with its sizes and gates."""

    recipe: str
    size_bytes: int
    zip_bytes: int
    gates: list[Gate]

    def recorded(self) -> dict[str, Any]:
        """Return it with the gates as equal runs agree on them."""
        sizes = {"recipe": self.recipe, "size_bytes": self.size_bytes, "zip_bytes": self.zip_bytes}
        return {**sizes, "gates": [gate.recorded() for gate in self.gates]}

    @property
    def passes(self) -> bool:
        """Whether no gate stands in the way of its release."""
        return all(gate.passed for gate in self.gates)

    @property
    def is_decided(self) -> bool:
        """Whether the rows show that it passes; of float32 beside itself they show nothing.

        A gate that judged nothing, such as one on slices that are all small, judged nothing of any recipe.
        """
        shown = (gate.status == "passed" or (gate.passed and gate.value is None) for gate in self.gates)
        return self.recipe != FLOAT32 and all(shown)

    @property
    def size(self) -> tuple[int, int, str]:
        """Sorts candidates: int8 files of one network take equal bytes on the device, so the zip bytes come first."""
        return self.zip_bytes, self.size_bytes, self.recipe


@dataclass(frozen=True)
class Comparison:
    """A network beside the strongest of the simple methods, by the metric that comes first.

    The simple method's value is taken as known. On the same rows both err alike: with errors that correlate by a half,
    the difference varies as much as the network alone does.

    Attributes:
        metric: its name.
        strongest: the method with the best value.
        value: of that method.
        network: the network's value.
        interval: of the network's value; None where it is undefined.
        lower_is_better: of the metric.
    """

    metric: str
    strongest: str | None
    value: float | None
    network: float | None
    interval: list[float] | None
    lower_is_better: bool

    @property
    def beaten(self) -> bool | None:
        """Whether the network is better by its whole interval; None where the rows do not tell."""
        if self.value is None or self.interval is None:
            return None
        low, high = sorted(-end if self.lower_is_better else end for end in self.interval)
        bound = -self.value if self.lower_is_better else self.value
        return True if low > bound else False if high < bound else None

    def recorded(self) -> dict[str, Any]:
        """Return it for the verdict."""
        return {
            "metric": self.metric,
            "strongest": self.strongest,
            "value": self.value,
            "interval": self.interval,
            "network": self.network,
            "beaten": self.beaten,
        }

    def gates(self, judge: Judge) -> list[Gate]:
        """Return the gate that the network is no worse than the method."""
        name = "worse_than_baseline"
        judged = judge.at_most if self.lower_is_better else judge.at_least
        (gate,) = judged(name, self.network, self.value, self.interval) if self.value is not None else (None,)
        change = f"trimline set '{judge.section}.{name}=\"allow\"'"
        return [] if gate is None else [replace(gate, smallest_change=change if gate.smallest_change else None)]


def compared_with_baselines(metrics: Mapping[str, Any], baseline: Mapping[str, Any]) -> Comparison:
    """Return a network beside the strongest simple method.

    Args:
        metrics: of the network, as `evaluate` writes them.
        baseline: what the stage `baseline` writes: `primary`, `lower_is_better`, `baselines` with values by metric.
    """
    metric, lower_is_better = baseline["primary"], baseline["lower_is_better"]
    values = {name: found[metric] for name, found in baseline["baselines"].items() if found.get(metric) is not None}
    best = (min if lower_is_better else max)(values, key=lambda name: values[name], default=None)
    score = metrics["scores"][metric]
    return Comparison(
        metric, best, None if best is None else values[best], score["value"], score["interval"], lower_is_better
    )


def apply_gates(
    recipe: str, evaluations: Path, profiles: Path, baseline: Mapping[str, Any], params: Release, device: Device
) -> Candidate:
    """Hold a recipe's measurements against the bounds.

    Raises:
        DataError: a bound names no metric.
    """
    metrics, profile = read_json(evaluations / recipe / "metrics.json"), read_json(profiles / f"{recipe}.json")
    before = read_json(evaluations / FLOAT32 / "metrics.json")["scores"]
    judge = Judge("release", metrics["rows"], params.undecided == "allow")
    scores = _of_itself(metrics["scores"]) if recipe == FLOAT32 else metrics["scores"]
    latency, memory = profile["latency_us"]["median"], profile["memory"]["tensor_bytes"]
    agreement = metrics["agreement_with_float32"], params.min_agreement, metrics.get("agreement_interval")
    gates = [
        *judge.exact("max_size_bytes", metrics["size_bytes"], params.max_size_bytes or device.max_size_bytes),
        *judge.exact("max_latency_us", latency, params.max_latency_us or device.max_latency_us),
        *judge.exact("max_memory_bytes", memory, params.max_memory_bytes or device.max_memory_bytes),
        *judge.scores(metrics["scores"], "at_least", params.at_least),
        *judge.scores(metrics["scores"], "at_most", params.at_most),
        *judge.drops(scores, params.max_drop),
        *judge.relative_drops(scores, {name: one["value"] for name, one in before.items()}, params.max_relative_drop),
        *judge.slices(metrics["slices"], params.max_slice_drop, params.min_slice_rows),
        *judge.at_least("min_agreement", *agreement),
        device_gate(profile, device),
    ]
    if params.worse_than_baseline == "refuse":
        gates += compared_with_baselines(metrics, baseline).gates(judge)
    return Candidate(recipe, metrics["size_bytes"], metrics["zip_bytes"], gates)


def _of_itself(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return scores of the reference, which loses nothing against itself, whatever the rows."""
    return {
        name: score if score["drop"] is None else score | {"drop_interval": [0.0, 0.0]}
        for name, score in scores.items()
    }


def accepted(candidates: list[Candidate], accept: Accept | None, models: Path) -> tuple[Candidate | None, str | None]:
    """Return the candidate that its owner has accepted, or why none is although the settings name one.

    Args:
        candidates: of the line.
        accept: what the settings say.
        models: the folder whose `tflite` holds the file of each recipe.
    """
    if accept is None:
        return None, None
    found = next((candidate for candidate in candidates if candidate.recipe == accept.recipe), None)
    digest = sha256(models / "tflite" / f"{accept.recipe}.tflite") if found else "no file"
    if found and digest == accept.sha256:
        return found, None
    return None, (
        f"release.accept does not hold: it accepts {accept.recipe} of SHA-256 {accept.sha256[:12]}, and here is "
        f"{digest[:12]}; `trimline release --accept {accept.recipe}` accepts the file that is here"
    )


def smallest_passing(candidates: list[Candidate]) -> Candidate | None:
    """Return the candidate with the fewest zip bytes of those that pass, None where there is none.

    One whose gates are all decided comes before any with an undecided gate.
    """
    passing = [candidate for candidate in candidates if candidate.passes]
    decided = [candidate for candidate in passing if candidate.is_decided]
    return min(decided or passing, key=lambda candidate: candidate.size, default=None)


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
