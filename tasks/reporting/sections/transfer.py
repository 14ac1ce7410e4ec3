"""What transfer learning gained: the base model against training from scratch."""

from statistics import fmean
from typing import Any

from tasks.reporting import words
from tasks.reporting.charts import transfer
from tasks.reporting.findings import Findings
from tasks.reporting.results import gain
from tasks.reporting.sections import blocks
from tasks.reporting.sections.blocks import Block, Cell, Paragraph, Section, Table, charts, ranged, table

RUNS = {
    "fine_tuned": "fine-tuned, all layers",
    "head_only": "head alone, on the frozen base model",
    "from_scratch": "from scratch, as many epochs as fine-tuned",
}


def section(found: Findings) -> Section:
    """Say what fine-tuning gained, and draw how that depends on the number of rows, where it was measured."""
    compared = found.transfer
    parts: list[Block] = [Paragraph(gain(compared))]
    if "fine_tuned" in compared:
        primary = compared["primary"]
        rows = [(text, words.score(primary, compared[run][primary])) for run, text in RUNS.items()]
        caption = f"On the {compared['fine_tuned']['rows']:,} test rows, as float models"
        parts.append(table(caption, ("training", words.metric(primary).title), rows))
    if points := compared.get("data_efficiency"):
        parts += [charts(transfer.data_efficiency(points, compared["primary"])), _by_rows(points, compared["primary"])]
    return blocks.section("transfer", "What the base model was worth", "Transfer", *parts)


def _by_rows(points: list[dict[str, Any]], primary: str) -> Table:
    fractions = sorted({point["fraction"] for point in points})
    rows = [_row([point for point in points if point["fraction"] == fraction], primary) for fraction in fractions]
    seeds = words.counted(len({point["seed"] for point in points}), "seed")
    header = ("training rows", "pretrained [lowest, highest]", "from scratch [lowest, highest]", "difference")
    return table(f"{words.metric(primary).title} by training rows, mean of {seeds}", header, rows)


def _row(points: list[dict[str, Any]], primary: str) -> tuple[Cell | str, ...]:
    means = {start: fmean(point[start] for point in points) for start in transfer.STARTS}
    cells = [
        words.with_interval(
            words.score(primary, means[start]),
            words.interval(primary, [pick(point[start] for point in points) for pick in (min, max)]),
        )
        for start in transfer.STARTS
    ]
    difference = words.difference(primary, means["pretrained"] - means["from_scratch"])
    count = f"{points[0]['rows']:,} ({words.percent(points[0]['fraction'], 0)})"
    return count, *map(ranged, cells), difference
