"""What a model has to pass before it is released, each gate with its value, bound, interval and verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tasks.contracts.errors import DataError

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
    kept = [at_least(f"at_least.{name}", **_value(scores[name]), bound=bound) for name, bound in at_least_.items()]
    kept += [at_most(f"at_most.{name}", **_value(scores[name]), bound=bound) for name, bound in at_most_.items()]
    return [gate for gates in kept for gate in gates]


def drop_gates(scores: Mapping[str, Any], max_drop: Mapping[str, float]) -> list[Gate]:
    """Return the gates on what is lost against the reference, by the upper ends of the paired intervals.

    Raises:
        DataError: there is no metric of a name.
    """
    _require_known(scores, max_drop)
    kept = [
        at_most(f"max_drop.{name}", scores[name]["drop"], bound, scores[name]["drop_interval"])
        for name, bound in max_drop.items()
    ]
    return [gate for gates in kept for gate in gates]


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
