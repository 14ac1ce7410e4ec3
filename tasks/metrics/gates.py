"""Release gates: each holds a measured value against a bound, as far as the test rows can decide it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import ceil, isfinite
from typing import Any, Literal

from tasks.core.errors import DataError
from tasks.core.params.gates import Device

# They differ between equal runs, so a manifest holds their bounds and verdicts only.
MEASURED = frozenset({"max_latency_us", "max_memory_bytes", "max_latency_growth"})
MOST_ROWS = 1e9  # no test split is larger: then no number of rows is named
DIGITS = 3  # of a bound that is proposed

Status = Literal["passed", "failed", "undecided"]
Interval = list[float] | None


@dataclass(frozen=True)
class Gate:
    """One question with its answer.

    Attributes:
        name: the key in `params.yaml` that holds the bound, such as `max_drop.accuracy`.
        value: what was measured; None where it is undefined, which never passes.
        bound: that the value has to keep.
        passed: whether it stands in the way of no release: it is passed, or undecided where that is allowed.
        interval: of the value.
        reason: why it is not passed, for people.
        status: `failed` where the value breaks the bound; `undecided` where the value keeps it and the end of its
            interval that is worse does not.
        rows: the test rows that the value comes from; None where it comes from none.
        needs_rows: about how many would decide an undecided gate; None where that cannot be said.
        smallest_change: of the parameters that lets a gate pass, for people; None where none is known or needed.
    """

    name: str
    value: float | None
    bound: float
    passed: bool
    interval: Interval = None
    reason: str | None = None
    status: Status = "passed"
    rows: int | None = None
    needs_rows: int | None = None
    smallest_change: str | None = None

    def recorded(self) -> dict[str, Any]:
        """Return what equal runs agree on: of a measured gate that failed, the reason names the bound alone."""
        if self.name not in MEASURED:
            return asdict(self)
        reason = None if self.passed else f"{self.name}: more than {shown(self.bound)}"
        return asdict(self) | {"value": None, "interval": None, "reason": reason}


@dataclass(frozen=True)
class Judge:
    """Holds values against bounds.

    Attributes:
        section: of `params.yaml`, which the bounds are from: release or compare.
        rows: of the test split.
        allows_undecided: whether a gate that the rows cannot decide lets a recipe through.
    """

    section: str
    rows: int
    allows_undecided: bool

    def exact(self, name: str, value: float | None, bound: float | None) -> list[Gate]:
        """Return the gate that a value which no test row decides, such as a size, is no more than a bound.

        Without a bound there is no gate.
        """
        if bound is None:
            return []
        if value is None:
            return [self._undefined(name, bound, "undefined", f"{name}=null")]
        if value <= bound:
            return [Gate(name, value, bound, passed=True)]
        change = f"{name}=null" if name in MEASURED else f"{name}={_rounded(value, up=True)}"
        reason = f"{name}: {shown(value)} > {shown(bound)}"
        return [Gate(name, value, bound, False, None, reason, "failed", smallest_change=self._set(change))]

    def at_most(
        self, name: str, value: float | None, bound: float | None, interval: Interval, without: str | None = None
    ) -> list[Gate]:
        """Return the gate that a value, measured on the test rows, is no more than a bound.

        Args:
            name: of the gate.
            value, interval: as measured; None where they are undefined.
            bound: None for no gate.
            without: the change that leaves the gate out, by default its key set to null.
        """
        return self._gate(name, value, bound, interval, without or f"{name}=null", sign=1)

    def at_least(
        self, name: str, value: float | None, bound: float | None, interval: Interval, without: str | None = None
    ) -> list[Gate]:
        """Return the gate that a value, measured on the test rows, is no less than a bound; see `at_most`."""
        return self._gate(name, value, bound, interval, without or f"{name}=null", sign=-1)

    def scores(self, scores: Mapping[str, Any], key: str, bounds: Mapping[str, float]) -> list[Gate]:
        """Return the gates on metrics themselves: `key` is at_least or at_most.

        Raises:
            DataError: there is no metric of a name.
        """
        _require_known(scores, bounds)
        judged = self.at_least if key == "at_least" else self.at_most
        return [
            gate
            for name, bound in bounds.items()
            for gate in judged(
                f"{key}.{name}", scores[name]["value"], bound, scores[name]["interval"], _without(key, bounds, name)
            )
        ]

    def drops(self, scores: Mapping[str, Any], bounds: Mapping[str, float]) -> list[Gate]:
        """Return the gates on what is lost against the reference, with the paired intervals.

        Raises:
            DataError: there is no metric of a name.
        """
        _require_known(scores, bounds)
        return [
            gate
            for name, bound in bounds.items()
            for gate in self.at_most(
                f"max_drop.{name}", scores[name]["drop"], bound, scores[name]["drop_interval"],
                _without("max_drop", bounds, name),
            )
        ]  # fmt: skip

    def relative_drops(
        self, scores: Mapping[str, Any], before: Mapping[str, float | None], bounds: Mapping[str, float]
    ) -> list[Gate]:
        """Return the gates on losses as fractions of what the reference has, `before`.

        The interval is that of the loss, divided alike: how well the reference itself is known is left out of it.

        Raises:
            DataError: there is no metric of a name.
        """
        _require_known(scores, bounds)
        gates = []
        for name, bound in bounds.items():
            drop, interval = scores[name]["drop"], scores[name]["drop_interval"]
            scale = abs(before[name] or 0.0)
            value = 0.0 if drop == 0 else drop / scale if drop is not None and scale else None
            ends = (
                [0.0, 0.0] if interval == [0, 0] else [end / scale for end in interval] if interval and scale else None
            )
            without = _without("max_relative_drop", bounds, name)
            gates += self.at_most(f"max_relative_drop.{name}", value, bound, ends, without)
        return gates

    def slices(self, slices: list[dict[str, Any]], max_slice_drop: float | None, min_slice_rows: int) -> list[Gate]:
        """Return the gate on the largest loss of a slice.

        It is the estimate that counts: the interval of a slice of some tens of rows is wider than any useful bound. A
        loss that is larger than the bound, and may be none at all, is undecided: of many slices the worst looks bad
        by chance. Slices of fewer rows than `min_slice_rows` are not judged, and no judged slice is no pass.
        """
        name = "max_slice_drop"
        if max_slice_drop is None:
            return []
        judged = [one for one in slices if one["rows"] >= min_slice_rows]
        if not judged:
            largest = max((one["rows"] for one in slices), default=0)
            needed = _whole(self.rows * min_slice_rows / largest) if largest else None
            reason = f"{name}: not judged: no slice has {min_slice_rows} test rows, the largest has {largest}"
            change = self._set(f"min_slice_rows={largest}") if largest else None
            return [Gate(name, None, max_slice_drop, True, None, reason, "undecided", self.rows, needed, change)]
        worst = max(judged, key=lambda one: (_severity(one), one["slice"]))
        return [self._slice(name, worst, max_slice_drop)]

    def _slice(self, name: str, worst: Mapping[str, Any], bound: float) -> Gate:
        drop, interval, rows = worst["drop"], worst["drop_interval"], worst["rows"]
        where = f"in the slice {worst['slice']} of {rows} rows"
        if drop is None or not isfinite(drop):
            return self._undefined(name, bound, f"undefined {where}", f"{name}=null")
        if drop <= bound:
            return Gate(name, drop, bound, True, interval, rows=rows)
        change = self._set(f"{name}={_rounded(drop, up=True)}" if drop <= 1 else f"{name}=null")
        reason = f"{name}: {shown(drop)} > {shown(bound)}, {where}"
        if interval and interval[0] > 0:
            return Gate(name, drop, bound, False, interval, reason, "failed", rows, None, change)
        needed = _needed(rows, drop - interval[0], drop) if interval else None
        reason = f"{reason}: {_undecided(rows, needed)}"
        return self._unsure(Gate(name, drop, bound, False, interval, reason, "undecided", rows, needed, change))

    def _gate(
        self, name: str, value: float | None, bound: float | None, interval: Interval, without: str, sign: int
    ) -> list[Gate]:
        if bound is None:
            return []
        if value is None or not isfinite(value):
            return [self._undefined(name, bound, "undefined on these rows", without)]
        if interval is None or not all(map(isfinite, interval)):
            return [self._undefined(name, bound, f"{shown(value)} without an interval", without, value)]
        judged, symbol = interval[1 if sign > 0 else 0], ">" if sign > 0 else "<"
        if sign * value > sign * bound:
            kept = value if self.allows_undecided else max(value, judged, key=lambda end: sign * end)
            change = self._set(f"{name}={_rounded(kept, up=sign > 0)}")
            reason = f"{name}: {shown(value)} {symbol} {shown(bound)}"
            return [Gate(name, value, bound, False, interval, reason, "failed", self.rows, None, change)]
        if sign * judged <= sign * bound:
            return [Gate(name, value, bound, True, interval, rows=self.rows)]
        needed = _needed(self.rows, abs(judged - value), abs(bound - value))
        direction = "up to" if sign > 0 else "down to"
        reason = f"{name}: {_undecided(self.rows, needed)} ({direction} {shown(judged)} {symbol} {shown(bound)})"
        change = self._set(f"{name}={_rounded(judged, up=sign > 0)}")
        return [self._unsure(Gate(name, value, bound, False, interval, reason, "undecided", self.rows, needed, change))]

    def _undefined(self, name: str, bound: float, why: str, without: str, value: float | None = None) -> Gate:
        change = self._set(without)
        return Gate(name, value, bound, False, None, f"{name}: {why}", "failed", self.rows, None, change)

    def _unsure(self, gate: Gate) -> Gate:
        """Return an undecided gate as this line takes it: one that is allowed needs no change."""
        if not self.allows_undecided:
            return gate
        return Gate(**{**asdict(gate), "passed": True, "smallest_change": None})

    def _set(self, change: str) -> str:
        written = f"{self.section}.{change}"
        return f"trimline set '{written}'" if set(written) & set(' {}"') else f"trimline set {written}"


def device_gate(profile: Mapping[str, Any], device: Device) -> Gate:
    """Return the gate that a device can run all operators of a file; its value is the number of those it cannot."""
    foreign = sorted(set(profile["operators"]["all"]) - set(device.operators))
    foreign += [f"tensors of {name}" for name in profile["written_types"] if name not in device.types]
    if not foreign:
        return Gate("device", 0, 0, passed=True)
    missing = ", ".join(foreign)
    change = f"name a device in release.device that runs {missing}"
    reason = f"device: {missing} on {device.description}"
    return Gate("device", len(foreign), 0, False, None, reason, "failed", smallest_change=change)


def failed(gates: Iterable[Gate]) -> list[str]:
    """Say which gates stand in the way of a release, with got and bound."""
    return [gate.reason or gate.name for gate in gates if not gate.passed]


def undecided(gates: Iterable[Gate]) -> list[str]:
    """Say which gates the rows cannot decide, and about how many could."""
    return [gate.reason or gate.name for gate in gates if gate.status == "undecided"]


def shown(value: float) -> str:
    """Write a number with the digits that say something."""
    if value and not 1e-4 <= abs(value) < 1e12:
        return f"{value:.4g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _undecided(rows: int, needed: int | None) -> str:
    about = f"needs about {needed:,}" if needed else "no number of rows would decide it"
    return f"undecided with {rows:,} rows: {about}"


def _needed(rows: int, width: float, gap: float) -> int | None:
    """Return how many rows make an interval so narrow that it no longer reaches the bound.

    Its half width shrinks with the square root of the rows.

    Args:
        rows: that it was measured on.
        width: from the value to the end of the interval.
        gap: from the value to the bound.
    """
    factor = (width / gap) ** 2 if gap else float("inf")
    return _whole(rows * factor) if isfinite(factor) and rows * factor < MOST_ROWS else None


def _whole(rows: float) -> int:
    """Round a number of rows up to two digits: it is an estimate."""
    step = int(10 ** max(0, len(str(int(rows))) - 2))
    return ceil(rows / step) * step


def _rounded(value: float, *, up: bool) -> str:
    """Round a bound away from what it has to let pass, so that it still does; to three digits."""
    number = Decimal(repr(float(value)))
    if not number:
        return "0"
    exponent = Decimal((0, (1,), number.adjusted() - DIGITS + 1))
    nearest = number.quantize(exponent, ROUND_CEILING if up else ROUND_FLOOR).normalize()
    return f"{nearest:f}" if -6 < number.adjusted() < 15 else str(nearest)


def _severity(one: Mapping[str, Any]) -> float:
    """Return the loss of a slice; one that is undefined is the worst."""
    return float("inf") if one["drop"] is None else float(one["drop"])


def _without(key: str, bounds: Mapping[str, float], name: str) -> str:
    """Return the change that takes a bound out of a mapping, which is replaced as a whole."""
    return f"{key}={json.dumps({other: bound for other, bound in bounds.items() if other != name})}"


def _require_known(scores: Mapping[str, Any], names: Iterable[str]) -> None:
    if unknown := sorted(set(names) - set(scores)):
        raise DataError(
            got=f"gates on {', '.join(unknown)}", expected=f"some of {', '.join(scores)}", do="correct the names"
        )
