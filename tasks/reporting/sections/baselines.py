"""Simple baselines beside the network, on the same rows."""

from typing import Any

from tasks.reporting import words
from tasks.reporting.findings import Findings
from tasks.reporting.sections import blocks
from tasks.reporting.sections.blocks import Paragraph, Section, table


def section(found: Findings) -> Section:
    """Say what simple baselines reach, metric by metric."""
    header = ("metric", found.recipe, *(_named(name) for name in found.baseline["baselines"]))
    return blocks.section(
        "baselines", "Is the network worth it?", "Baselines",
        Paragraph(summary(found)),
        table("Simple baselines on the same rows", header, _rows(found.baseline, found.measured)),
    )  # fmt: skip


def summary(found: Findings) -> str:
    """Say what simple baselines reach, and whether one of them is at least as good as the described file."""
    document, primary = found.baseline, found.baseline["primary"]
    reached = {_named(name): values[primary] for name, values in document["baselines"].items()}
    listed = ", ".join(f"{name} {words.score(primary, value)}" for name, value in reached.items())
    own, sign = found.measured["scores"][primary]["value"], -1 if document["lower_is_better"] else 1
    as_good = [name for name, value in reached.items() if sign * value >= sign * own]
    verdict = (
        f"The network is no better than {', '.join(as_good)}: consider using that instead."
        if as_good
        else f"{found.subject.capitalize()} has {words.score(primary, own)}."
    )
    fitted, title = words.counted(document["training_rows"], "training row"), words.metric(primary).title
    return f"Simple baselines on the same rows, fitted on at most {fitted}: {title} {listed}. {verdict}"


def _rows(document: dict[str, Any], measured: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            words.metric(name).title,
            words.score(name, score["value"]),
            *(words.score(name, values[name]) for values in document["baselines"].values()),
        )
        for name, score in measured["scores"].items()
    ]


def _named(method: str) -> str:
    return method.replace("_", " ")
