"""The report of a release as one page."""

from typing import Any

from tasks.reporting.findings import Findings
from tasks.reporting.page import champion, made, measured, origin, shell, transfer, verdict


def report_page(found: Findings, comparison: dict[str, Any] | None = None) -> str:
    """Return the page as HTML; equal findings give equal bytes.

    Args:
        found: about the line and its release.
        comparison: with the champion, as `champion.section` takes it; None where there is none.
    """
    sections = [
        verdict.section(found),
        *([champion.section(comparison)] if comparison else []),
        measured.size(found),
        measured.results(found),
        measured.simple(found),
        measured.metrics(found),
        *([measured.curved(found), measured.reliability(found)] if found.curves else []),
        *([measured.confusion(found)] if "confusion" in found.released else []),
        *([measured.predicted(found)] if found.predicted else []),
        *([measured.examples(found)] if found.examples else []),
        measured.weakest(found),
        made.trained(found),
        made.sensitive(found),
        made.cross_validated(found),
        transfer.section(found),
        made.cost(found),
        origin.device(found),
        origin.purpose(found),
        origin.data(found),
        origin.lineage(found),
    ]
    return shell.page(
        f"{found.owner.name}: {found.recipe} is released", verdict.header(found), sections,
        f"SHA-256 of model.tflite: {found.bundle['files']['model.tflite']}",
    )  # fmt: skip
