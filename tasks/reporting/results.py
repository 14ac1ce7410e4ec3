"""The result table: every recipe beside the float model."""

from collections.abc import Sequence
from typing import Any

from tasks.reporting import baselines, words

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


def results(
    bundle: dict[str, Any],
    metrics: dict[str, Any],
    profiles: dict[str, Any],
    transfer: dict[str, Any],
    baseline: dict[str, Any],
) -> str:
    """Return a Markdown table with a row per recipe; below it the gain of transfer, and what simple methods reach."""
    rows = [header(metrics), *result_rows(bundle, metrics, profiles)]
    simple = baselines.told(baseline, metrics[bundle["recipe"]])
    return f"{markdown_table(rows)}\n\n{measured_on(metrics['float32'])} {gain(transfer)}\n\n{simple}\n"


def header(metrics: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the columns."""
    primary, second = _shown(metrics)
    told = [f"{words.metric(primary).title} [interval]", *([words.metric(second).title] if second else [])]
    return ("recipe", "verdict", *told, *COLUMNS)


def _shown(metrics: dict[str, Any]) -> tuple[str, str | None]:
    float32 = metrics[words.FLOAT32]
    return float32["primary"], next((name for name in SECOND if name in float32["scores"]), None)


def result_rows(bundle: dict[str, Any], metrics: dict[str, Any], profiles: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a row per recipe, under `header`."""
    rows: list[tuple[str, ...]] = []
    primary, second = _shown(metrics)
    for recipe, measured in metrics.items():
        score = measured["scores"][primary]
        latency = profiles[recipe]["latency_us"]
        judged = next(candidate for candidate in bundle["candidates"] if candidate["recipe"] == recipe)
        broken = [gate["name"] for gate in judged["gates"] if not gate["passed"]]
        rows.append((
            recipe,
            "released" if recipe == bundle["recipe"] else "breaks " + ", ".join(broken) if broken else "passes",
            words.measured(primary, score),
            *([words.score(second, measured["scores"][second]["value"])] if second else []),
            words.lost(primary, score),
            f"{measured['agreement_with_float32']:.2%}",
            f"{measured['size_bytes']:,}",
            f"{measured['zip_bytes']:,}",
            f"{measured['zip_bytes'] / metrics['float32']['zip_bytes']:.1%}",
            f"{measured['xz_bytes']:,}",
            f"{measured['entropy_bytes']:,}",
            f"{latency['median']:.1f}",
            f"{latency['p95']:.1f}",
        ))  # fmt: skip
    return rows


def measured_on(float32: dict[str, Any]) -> str:
    """Say what the table was measured on, and what its columns are."""
    return (
        f"Measured on {float32['rows']} test rows, on the exported files; {float32['confidence']:.0%} intervals. "
        "drop: lost against float32 on the same rows, in points of a percentage or in the metric's unit; floor: "
        "order-0 entropy of the constants, in bytes."
    )


def gain(transfer: dict[str, Any]) -> str:
    """Say what fine-tuning gained over the same network trained on the target alone, where it was done."""
    if "as_it_is" in transfer:
        return "The model was taken as it is: nothing was fine-tuned, and no gain of transfer was measured."
    primary = transfer["primary"]
    runs = ("fine_tuned", "head_only", "from_scratch")
    tuned, head, scratch = (words.score(primary, transfer[run][primary]) for run in runs)
    gained = words.scaled(primary, transfer["gain_of_transfer"])
    points = " points" if words.metric(primary).is_share else ""
    return (
        f"{words.metric(primary).title}: fine-tuned {tuned}, its head alone {head}, from scratch with as many steps "
        f"{scratch}; transfer gains {gained:+,.2f}{points}."
    )


def markdown_table(rows: Sequence[tuple[str, ...]]) -> str:
    """Lay rows out as Markdown that reads well as plain text; the first row is the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
