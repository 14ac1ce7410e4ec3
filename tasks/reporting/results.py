"""The result table: every recipe beside the float model."""

from collections.abc import Sequence
from typing import Any

from tasks.reporting.words import metric, number, score

HEADER = (
    "recipe",
    "verdict",
    "accuracy [interval]",
    "macro F1",
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


def results(bundle: dict[str, Any], metrics: dict[str, Any], profiles: dict[str, Any], transfer: dict[str, Any]) -> str:
    """Return a Markdown table with a row per recipe, and the gain of transfer below it."""
    rows = [HEADER, *result_rows(bundle, metrics, profiles)]
    return f"{markdown_table(rows)}\n\n{measured_on(metrics['float32'])} {gain(transfer)}\n"


def result_rows(bundle: dict[str, Any], metrics: dict[str, Any], profiles: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a row per recipe, under `HEADER`."""
    rows: list[tuple[str, ...]] = []
    for recipe, measured in metrics.items():
        accuracy = measured["scores"]["accuracy"]
        low, high = accuracy["interval"]
        least, most = accuracy["drop_interval"]
        latency = profiles[recipe]["latency_us"]
        judged = next(candidate for candidate in bundle["candidates"] if candidate["recipe"] == recipe)
        broken = [gate["name"] for gate in judged["gates"] if not gate["passed"]]
        f1 = measured["scores"]["f1_macro"]["value"]
        rows.append((
            recipe,
            "released" if recipe == bundle["recipe"] else "breaks " + ", ".join(broken) if broken else "passes",
            f"{accuracy['value']:.2%} [{low:.1%}, {high:.1%}]",
            "undefined" if f1 is None else f"{f1:.4f}",
            f"{number(100 * accuracy['drop'], 2)} [{number(100 * least, 1)}, {number(100 * most, 1)}]",
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
        "drop: points lost against float32 on the same rows; floor: order-0 entropy of the constants, in bytes."
    )


def gain(transfer: dict[str, Any]) -> str:
    """Say what fine-tuning gained over the same network trained on the target alone, where it was done."""
    if "as_it_is" in transfer:
        return "The model was taken as it is: nothing was fine-tuned, and no gain of transfer was measured."
    primary = transfer["primary"]
    tuned, head, scratch = (
        score(primary, transfer[run][primary]) for run in ("fine_tuned", "head_only", "from_scratch")
    )
    share = metric(primary).is_share
    gained = (
        f"{(100 if share else 1) * transfer['gain_of_transfer']:+.{2 if share else 4}f}{' points' if share else ''}"
    )
    return (
        f"Fine-tuned {tuned}, its head alone {head}, from scratch with as many steps {scratch}: "
        f"transfer gains {gained}."
    )


def markdown_table(rows: Sequence[tuple[str, ...]]) -> str:
    """Lay rows out as Markdown that reads well as plain text; the first row is the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
