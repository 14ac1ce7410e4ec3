"""The result table: every recipe beside the float model."""

from typing import Any

from tasks.reporting import words
from tasks.reporting.findings import Findings
from tasks.reporting.markdown import escaped, markdown_table
from tasks.reporting.sections import baselines
from tasks.reporting.sections.decision import not_released

SECOND = ("f1_macro", "r2", "chrf")  # shown beside the primary metric, the first that the kind has
COLUMNS = (
    "drop [interval]",
    "agrees",
    "bytes",
    "zip bytes",
    "of float",
    "xz bytes",
    "floor",
    "median us",
    "p95 us",
)


def results(found: Findings) -> str:
    """Return the result table, below the reason where nothing is released."""
    above = [] if found.is_released else [f"**{escaped(not_released(found))}.**"]
    return "\n\n".join([*above, result_table(found)]) + "\n"


def result_table(found: Findings) -> str:
    """Return a Markdown table with a row per recipe; below it the gain of transfer, and what simple baselines reach."""
    shown = markdown_table([header(found.metrics), *result_rows(found)])
    return f"{shown}\n\n{measured_on(found.float32)} {gain(found.transfer)}\n\n{baselines.summary(found)}"


def header(metrics: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the columns."""
    primary, second = _shown(metrics)
    shown = [f"{words.metric(primary).title} [interval]", *([words.metric(second).title] if second else [])]
    return ("recipe", "verdict", *shown, *COLUMNS)


def _shown(metrics: dict[str, Any]) -> tuple[str, str | None]:
    float32 = metrics[words.FLOAT32]
    return float32["primary"], next((name for name in SECOND if name in float32["scores"]), None)


def result_rows(found: Findings) -> list[tuple[str, ...]]:
    """Return a row per recipe, under `header`."""
    rows: list[tuple[str, ...]] = []
    primary, second = _shown(found.metrics)
    for recipe, measured in found.metrics.items():
        score = measured["scores"][primary]
        latency = found.profiles[recipe]["latency_us"]
        rows.append((
            recipe,
            _verdict(found, recipe),
            words.measured(primary, score),
            *([words.score(second, measured["scores"][second]["value"])] if second else []),
            words.lost(primary, score),
            f"{measured['agreement_with_float32']:.2%}",
            f"{measured['size_bytes']:,}",
            f"{measured['zip_bytes']:,}",
            f"{measured['zip_bytes'] / found.float32['zip_bytes']:.1%}",
            f"{measured['xz_bytes']:,}",
            f"{measured['entropy_bytes']:,}",
            f"{latency['median']:.1f}",
            f"{latency['p95']:.1f}",
        ))  # fmt: skip
    return rows


def _verdict(found: Findings, recipe: str) -> str:
    if found.is_released and recipe == found.recipe:
        return "released"
    gates = next(one["gates"] for one in found.verdict["candidates"] if one["recipe"] == recipe)
    failed = [gate["name"] for gate in gates if not gate["passed"]]
    return "fails " + ", ".join(failed) if failed else "passes"


def measured_on(float32: dict[str, Any]) -> str:
    """Say what the table was measured on, and what its columns are."""
    return (
        f"Measured on {float32['rows']} test rows, on the exported files; {float32['confidence']:.0%} intervals. "
        "drop: lost against float32 on the same rows, in percentage points or in the metric's unit; floor: "
        "order-0 entropy of the constants, in bytes."
    )


def gain(transfer: dict[str, Any]) -> str:
    """Say what fine-tuning gained over the same network trained on the target alone, where it was done."""
    if "as_it_is" in transfer:
        return "The pretrained model is used unchanged: nothing was fine-tuned, so no gain of transfer was measured."
    primary = transfer["primary"]
    runs = ("fine_tuned", "head_only", "from_scratch")
    tuned, head, scratch = (words.score(primary, transfer[run][primary]) for run in runs)
    gained = words.scaled(primary, transfer["gain_of_transfer"])
    points = " points" if words.metric(primary).is_share else ""
    return (
        f"{words.metric(primary).title}: fine-tuned {tuned}, head alone {head}, from scratch with as many steps "
        f"{scratch}; transfer gains {gained:+,.2f}{points}."
    )
