"""The section in which the file of the page answers a reader's own picture, text or row."""

from tasks.reporting import html
from tasks.reporting.findings import Findings
from tasks.reporting.html import Asking, Section

SAID = (
    "{subject} itself answers here, in this page: nothing that you give it leaves your browser, and nothing is "
    "fetched. A small interpreter of the page runs the file. Before it answers, it replays test rows and compares them "
    "with LiteRT's answers."
)


def section(found: Findings) -> Section:
    """Return the box, or say why there is none and how to ask the model instead."""
    if found.trial.reason:
        said = f"This page cannot ask the model: {found.trial.reason}. {found.trial.instead}"
        return html.section("trial-section", "Try it", "Try it", html.Paragraph(said))
    subject = found.subject[:1].upper() + found.subject[1:]
    return html.section(
        "trial-section", "Try it", "Try it", html.Paragraph(SAID.format(subject=subject)), Asking(found.trial.data)
    )
