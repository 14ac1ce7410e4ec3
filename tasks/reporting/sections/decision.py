"""The decision: what is released or why nothing is, gate by gate."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.reporting import html, words
from tasks.reporting.findings import Findings
from tasks.reporting.html import Section, Table, Tile, Tiles, note
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


def table(caption: str, rows: Iterable[Shown]) -> html.Table:
    """Return gates as a table with their outcomes."""
    return html.table(
        caption, HEADER,
        [
            (
                html.Cell(row.title, row.name, is_note_code=True),
                html.Cell("✓ pass" if row.passed else "✗ fail", row.reason, passed=row.passed),
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


@dataclass(frozen=True)
class Headline:
    """The head and the foot of the report.

    Attributes:
        owner: name of the line.
        recipe: that the report describes.
        is_released: whether it passed every gate.
        plain: the headline as text.
        lead: the decision in a few sentences.
        file: name of the described file.
        sha256: its digest.
    """

    owner: str
    recipe: str
    is_released: bool
    plain: str
    lead: str
    file: str
    sha256: str


def headline(found: Findings) -> Headline:
    """Return the headline and the decision in a few sentences."""
    plain = f"{found.recipe} is released" if found.is_released else not_released(found)
    lead = f"{_passed(found) if found.is_released else _failed(found)} {_figures(found)}"
    file = "model.tflite" if found.is_released else f"{found.recipe}.tflite"
    digest = found.files["model.tflite"]
    return Headline(found.owner.name, found.recipe, found.is_released, plain, lead, file, digest)


def not_released(found: Findings) -> str:
    """Say in one line why nothing is released."""
    missed = [f"{gate.title} {gate.bound}" for gate in _shown(found, found.verdict["gates"]) if not gate.passed]
    count, recipes = words.counted(len(missed), "gate"), len(found.verdict["candidates"])
    nearest = f"{found.recipe}, the nearest of {recipes} recipes," if recipes > 1 else found.recipe
    return f"Not released, because {nearest} fails {count}: {'; '.join(missed)}"


def section(found: Findings) -> Section:
    """Return the figures that decide, and every gate: of the released recipe, or of every candidate."""
    left_out = {name for name, bound in found.parameters["release"].items() if bound is None}
    confidence = words.percent(found.measured["confidence"], 0)
    explained = note(
        f"Intervals have a confidence of {confidence}. Gates use the pessimistic end of each interval: the lower end "
        "of what must not fall, the upper end of what must not grow. Latency and memory were measured on the machine "
        "that made this page." + (f" Gates without a bound: {', '.join(sorted(left_out))}." if left_out else "")
    )
    if found.is_released:
        rows = _shown(found, found.verdict["gates"])
        shown = [table("Every gate of the release, with what was measured", rows)]
        title = "The released file passed every gate"
    else:
        shown = [_candidate(found, one) for one in _nearest_first(found)]
        title = "No candidate passed every gate"
    return html.section("decision", title, "Decision", _tiles(found), *shown, explained)


def _candidate(found: Findings, candidate: dict[str, Any]) -> Table:
    failed = sum(not gate["passed"] for gate in candidate["gates"])
    caption = f"Gates of {candidate['recipe']}: it fails {failed} of {len(candidate['gates'])}"
    return table(caption, _shown(found, candidate["gates"], candidate["recipe"]))


def _nearest_first(found: Findings) -> list[dict[str, Any]]:
    return sorted(found.verdict["candidates"], key=lambda one: one["recipe"] != found.recipe)


def _shown(found: Findings, recorded: Iterable[dict[str, Any]], recipe: str | None = None) -> list[Shown]:
    profile = found.profiles[recipe or found.recipe]
    return [shown(gate, profile) for gate in recorded]


def _passed(found: Findings) -> str:
    return f"{found.recipe} passed {words.counted(len(found.verdict['gates']), 'gate')}."


def _failed(found: Findings) -> str:
    missed = [gate for gate in _shown(found, found.verdict["gates"]) if not gate.passed]
    return "This page describes the nearest candidate. " + " ".join(
        f"{gate.title}: measured {words.with_interval(gate.value, gate.interval)}, needed {gate.bound}."
        for gate in missed
    )


def _figures(found: Findings) -> str:
    measured, score = found.measured, found.measured["scores"][found.primary]
    share = measured["zip_bytes"] / found.float32["zip_bytes"]
    return (
        f"{found.recipe} takes {measured['size_bytes']:,} bytes on the device and {measured['zip_bytes']:,} as a zip "
        f"file, {words.percent(share, 1)} of {FLOAT32}'s. On {measured['rows']:,} test rows it has "
        f"{_named(found.primary)} {words.score(found.primary, score['value'])}, "
        f"{_against(found.primary, score['drop'])}."
    )


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


def _named(primary: str) -> str:
    title = words.metric(primary).title
    return f"{'an' if title[0] in 'AEIOR' else 'a'} {title if title.isupper() else title.lower()} of"


def _against(primary: str, drop: float) -> str:
    if not round(drop, 4):
        return f"the same as {FLOAT32}"
    lost, unit = words.difference(primary, abs(drop)), " points" if words.metric(primary).is_share else ""
    return f"{lost}{unit} {'worse' if drop > 0 else 'better'} than {FLOAT32}"
