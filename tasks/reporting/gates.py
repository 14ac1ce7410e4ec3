"""Gates for people: what each asks, what was measured, which bound it has to keep."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.reporting import words
from tasks.reporting.sections import blocks
from tasks.reporting.words import FLOAT32

TITLES = {
    "max_size_bytes": "Size on the device",
    "max_latency_us": "Median latency",
    "max_memory_bytes": "Memory of all tensors",
    "max_slice_drop": "Loss in the worst slice",
    "min_agreement": "Same answer as float32",
    "device": "Operators that the device cannot run",
    "max_size_growth": "Growth of the file",
    "max_latency_growth": "Growth of the median latency",
    "max_golden_difference": "Difference on the golden vectors",
}
PERCENT = frozenset({"min_agreement", "max_size_growth", "max_latency_growth"})
HEADER = ("gate", "outcome", "measured", "interval", "bound")
# Measured figures that the verdict leaves out, because equal runs differ in them; the profile has them.
PROFILED = {"max_latency_us": ("latency_us", "median"), "max_memory_bytes": ("memory", "tensor_bytes")}


@dataclass(frozen=True)
class Shown:
    """A gate as a line of a table.

    Attributes:
        name: the key of its bound in `params.yaml`.
        title, value, interval, bound: for people; the interval is empty where there is none.
        passed: the verdict.
        reason: why it did not pass, empty where it did.
    """

    name: str
    title: str
    value: str
    interval: str
    bound: str
    passed: bool
    reason: str


def shown(gate: Mapping[str, Any], profile: Mapping[str, Any], reference: str = FLOAT32) -> Shown:
    """Put a gate of the verdict into words, with what was measured on this machine where the verdict leaves it out.

    Args:
        gate: name, value, bound, passed, interval, reason.
        profile: of the recipe; empty where there is none.
        reference: what drops are measured against.
    """
    name, value = gate["name"], gate["value"]
    if value is None and name in PROFILED and profile:
        section, key = PROFILED[name]
        value = profile[section][key]
    bounds = gate["interval"]
    sign = "≥" if name.startswith(("at_least.", "min_")) else "≤"
    return Shown(
        name, title(name, reference), words.UNDEFINED if value is None else _figure(name, value),
        f"[{_bare(name, bounds[0])}, {_bare(name, bounds[1])}]" if bounds else "",
        f"{sign} {_figure(name, gate['bound'])}", gate["passed"], gate["reason"] or "",
    )  # fmt: skip


def table(caption: str, rows: Iterable[Shown]) -> blocks.Table:
    """Return gates as a table with their outcomes."""
    return blocks.table(
        caption, HEADER,
        [
            (
                blocks.Cell(row.title, row.name, is_note_code=True),
                blocks.Cell("✓ pass" if row.passed else "✗ fail", row.reason, passed=row.passed),
                row.value, row.interval, row.bound,
            )
            for row in rows
        ],
    )  # fmt: skip


def title(name: str, reference: str) -> str:
    """Say what a gate asks."""
    side, _, metric = name.partition(".")
    if not metric:
        return TITLES.get(name, name.replace("_", " "))
    metric_title = words.metric(metric).title
    return f"{metric_title}, lost against {reference}" if side == "max_drop" else metric_title


def _figure(name: str, value: float) -> str:
    side, _, metric = name.partition(".")
    if side == "max_drop" or name == "max_slice_drop":
        share = not metric or words.metric(metric).is_share  # of a slice points, or percent of the reference's
        return (words.number(100 * value, 2) if share else words.plain(value)) + (" points" if share else "")
    if metric:
        return words.score(metric, value)
    if name.endswith("_bytes"):
        return f"{value:,.0f} bytes"
    if name.endswith("_us"):
        return f"{words.number(value, 1)} µs"
    return words.percent(value) if name in PERCENT else f"{value:g}"


def _bare(name: str, value: float) -> str:
    return _figure(name, value).removesuffix(" points").removesuffix("%")
