"""The decision, gate by gate: every bound with what was measured, how sure that is, what would pass."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.reporting import html, words
from tasks.reporting.findings import Findings
from tasks.reporting.html import ModelMetadata, Section, Table, Tile, Tiles, note
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
    "worse_than_baseline": "No worse than the strongest simple method",
    "max_golden_difference": "Difference on the golden vectors",
}
PERCENT = frozenset({"min_agreement", "max_size_growth", "max_latency_growth"})
HEADER = ("gate", "outcome", "measured", "interval", "bound")
CHANGES = ("recipe", "gate", "measured", "bound", "smallest change")
PASSED, FAILED, UNDECIDED = "passed", "failed", "undecided"
OUTCOMES = {PASSED: "✓ pass", FAILED: "✗ fail", UNDECIDED: "? undecided"}
# Measured figures that the verdict leaves out, because equal runs differ in them; the profile has them.
PROFILED = {"max_latency_us": ("latency_us", "median"), "max_memory_bytes": ("memory", "tensor_bytes")}


@dataclass(frozen=True)
class Shown:
    """A gate as a line of a table.

    Attributes:
        name: the key of its bound in `params.yaml`.
        title, value, interval, bound: for people; the interval is empty where there is none.
        rows: test rows that decide it, and how many would; empty where no row does.
        status: `passed`, `failed` or `undecided`.
        passed: whether it lets the recipe through, which an undecided one does where the line says so.
        reason: why it did not pass, empty where it did.
        change: the smallest change that would pass, empty where none is needed or known.
    """

    name: str
    title: str
    value: str
    interval: str
    bound: str
    rows: str
    status: str
    passed: bool
    reason: str
    change: str


def shown(gate: Mapping[str, Any], profile: Mapping[str, Any], reference: str = FLOAT32) -> Shown:
    """Put a gate of the verdict into words, with what was measured on this machine where the verdict leaves it out.

    Args:
        gate: as `reports/verdict.json` has it.
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
        f"{sign} {_figure(name, gate['bound'])}", _rows(gate), gate["status"], gate["passed"], gate["reason"] or "",
        gate["smallest_change"] or "",
    )  # fmt: skip


def _rows(gate: Mapping[str, Any]) -> str:
    rows, needed = gate["rows"], gate["needs_rows"]
    if rows is None:
        return ""
    more = f", needs about {needed:,}" if needed and needed > rows else ""
    return words.counted(rows, "row") + more


def table(caption: str, rows: Iterable[Shown]) -> html.Table:
    """Return gates as a table with their outcomes."""
    return html.table(
        caption, HEADER,
        [
            (
                html.Cell(row.title, row.name, is_note_code=True),
                html.Cell(OUTCOMES[row.status], row.reason, badge=row.status),
                row.value, html.Cell(row.interval, row.rows), row.bound,
            )
            for row in rows
        ],
    )  # fmt: skip


def in_the_way(found: Findings) -> html.Table:
    """Return each failed gate of each candidate with its bound, its rows and the smallest change that would pass."""
    rows = [
        (
            html.Cell(candidate["recipe"]), html.Cell(gate.title, gate.name, is_note_code=True),
            html.Cell(gate.value, gate.interval), html.Cell(gate.bound, gate.rows),
            html.Cell(gate.change or "none is known", is_long=True),
        )
        for candidate in _nearest_first(found)
        for gate in of_recipe(found, candidate["gates"], candidate["recipe"])
        if not gate.passed
    ]  # fmt: skip
    return html.table("What stands in the way, and the smallest change that would pass", CHANGES, rows, "changes")


def title(name: str, reference: str) -> str:
    """Say what a gate asks."""
    side, _, metric = name.partition(".")
    if not metric:
        return TITLES.get(name, name.replace("_", " "))
    metric_title = words.metric(metric).title
    lost = {"max_drop": "lost", "max_relative_drop": "share lost"}
    return f"{metric_title}, {lost[side]} against {reference}" if side in lost else metric_title


def _figure(name: str, value: float) -> str:
    side, _, metric = name.partition(".")
    if side == "max_relative_drop":
        return words.percent(value)
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


def section(found: Findings) -> Section:
    """Return the figures that decide, and every gate: of the released recipe, or of every candidate."""
    judged = {gate["name"] for gate in found.verdict["gates"]}
    left_out = {name for name, bound in found.parameters["release"].items() if bound is None and name in TITLES}
    left_out -= judged
    confidence = words.percent(found.measured["confidence"], 0)
    explained = note(
        f"Intervals have a confidence of {confidence}. A value that breaks its bound fails. One that keeps it, while "
        "the worse end of its interval does not, is undecided: more test rows would tell. Latency and memory were "
        "measured on the machine that made this page."
        + (f" Gates without a bound: {', '.join(sorted(left_out))}." if left_out else "")
    )
    own = of_recipe(found, found.verdict["gates"])
    failed = None if found.is_released and not found.accepted else in_the_way(found)
    shown = table("Every gate of the release, with what was measured", own) if found.is_released else None
    others = [one for one in _nearest_first(found) if not found.is_released or one["recipe"] != found.recipe]
    every = "every recipe" if not found.is_released else "the other recipes"
    folded = html.fold(f"All gates of {every}: {len(others)}", *(_candidate(found, one) for one in others))
    return html.section(
        "decision", _title(found, own), "Decision", _risk(found), _remark(found), _tiles(found), failed, shown,
        explained,
        folded if others else None,
    )  # fmt: skip


def _title(found: Findings, own: list[Shown]) -> str:
    if found.accepted:
        return "The released file was accepted at its owner's risk"
    if not found.is_released:
        return "No candidate passed every gate"
    undecided = any(gate.status == UNDECIDED for gate in own)
    return "The released file failed no gate" if undecided else "The released file passed every gate"


def _risk(found: Findings) -> ModelMetadata | None:
    """Say who took which file, and why, where a person has taken one that fails a gate."""
    if not found.accepted:
        return None
    accepted = found.accepted
    return ModelMetadata((
        ("Accepted", f"{accepted['recipe']}, by release.accept in params.yaml"),
        ("Reason", accepted["reason"]),
        ("SHA-256 of the accepted file", accepted["sha256"]),
    ))  # fmt: skip


def _remark(found: Findings) -> html.Paragraph | None:
    """Say why `release.accept` does not hold, and which classes nothing here measures."""
    said = [found.verdict["not_accepted"]] if found.verdict["not_accepted"] else []
    if missing := found.verdict["classes_without_rows"]:
        said.append(f"Classes without a test row, which no figure here measures: {', '.join(missing)}")
    return html.Paragraph(". ".join(said) + ".") if said else None


def _candidate(found: Findings, candidate: dict[str, Any]) -> Table:
    rows = of_recipe(found, candidate["gates"], candidate["recipe"])
    failed, undecided = (sum(row.status == status for row in rows) for status in (FAILED, UNDECIDED))
    left = f", {undecided} undecided" if undecided else ""
    return table(f"Gates of {candidate['recipe']}: it fails {failed} of {len(rows)}{left}", rows)


def _nearest_first(found: Findings) -> list[dict[str, Any]]:
    return sorted(found.verdict["candidates"], key=lambda one: one["recipe"] != found.recipe)


def of_recipe(found: Findings, recorded: Iterable[dict[str, Any]], recipe: str | None = None) -> list[Shown]:
    """Put the gates of a recipe into words: of the described one, unless another is named."""
    profile = found.profiles[recipe or found.recipe]
    return [shown(gate, profile) for gate in recorded]


def _tiles(found: Findings) -> Tiles:
    measured, score = found.measured, found.measured["scores"][found.primary]
    latency, floats, name = found.profile["latency_us"], found.float32, found.primary
    return Tiles((
        Tile("Bytes on the device", f"{measured['size_bytes']:,}", _times(floats, measured, "size_bytes")),
        Tile("Bytes of the zip", f"{measured['zip_bytes']:,}", _times(floats, measured, "zip_bytes")),
        Tile(words.metric(name).title, words.score(name, score["value"]), words.interval(name, score["interval"])),
        Tile(
            f"{'Points lost' if words.metric(name).is_share else 'Lost'} against {FLOAT32}",
            words.difference(name, score["drop"]), words.interval(name, score["drop_interval"]),
        ),
        Tile(
            "Median latency", f"{words.number(latency['median'], 1)} µs",
            f"{words.number(found.profile['times_float32'], 2)} times {FLOAT32}'s",
        ),
    ))  # fmt: skip


def _times(floats: dict[str, int], measured: dict[str, int], name: str) -> str:
    return f"{words.number(floats[name] / measured[name], 1)} times smaller than {FLOAT32}"
