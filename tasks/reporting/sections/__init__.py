"""The report of a line as one page: its sections, in their order."""

from typing import Any

from tasks.reporting import html, results
from tasks.reporting.findings import Findings
from tasks.reporting.html import Section


def report_page(found: Findings, comparison: dict[str, Any] | None = None) -> str:
    """Return the page as HTML; equal findings give equal bytes.

    Args:
        found: about the line and the file that the report describes.
        comparison: with the champion, as `champion.section` takes it; None where there is none.
    """
    from tasks.reporting.sections import headline  # here and below: `compare` needs one section, and no charts

    sections = _sections(found, comparison)
    return html.page(
        "report.html", sections, has_charts=True, has_box=not found.trial.reason, headline=headline.headline(found)
    )


def _sections(found: Findings, comparison: dict[str, Any] | None) -> list[Section]:
    """Return the decision, then what it rests on, then how the model was made, then what it is for and made from."""
    from tasks.reporting.sections import champion, decision, examples, provenance, quality, training, transfer, trial

    return [
        decision.section(found),
        *([champion.section(comparison)] if comparison else []),
        *([examples.errors(found)] if found.shown.form else []),
        trial.section(found),
        *_measurements(found),
        examples.look(found),
        quality.section(found),
        training.section(found),
        training.sensitivity(found),
        training.cross_validation(found),
        transfer.section(found),
        training.cost(found),
        provenance.device(found),
        provenance.purpose(found),
        provenance.data(found),
        provenance.lineage(found),
    ]


def _measurements(found: Findings) -> list[Section]:
    """Return what was measured on the test rows; some sections are of some kinds only."""
    from tasks.reporting.sections import curves, metrics, weaknesses

    return [
        metrics.size(found),
        metrics.recipes(found),
        results.baselines_section(found),
        metrics.section(found),
        *([curves.section(found), curves.reliability(found)] if found.curves else []),
        *([weaknesses.confusion(found)] if "confusion" in found.measured else []),
        *([weaknesses.errors_section(found)] if found.predicted else []),
        *([weaknesses.examples(found)] if found.examples else []),
        weaknesses.slices(found),
    ]
