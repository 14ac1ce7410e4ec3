"""What changed since the champion: the release before, on the same rows."""

from typing import Any

from tasks.reporting import gates, words
from tasks.reporting.page import shell
from tasks.reporting.page.markup import Section, element, joined, paragraph, ranged, table
from tasks.reporting.page.verdict import gate_table

MAX_SLICES = 50


def page(document: dict[str, Any]) -> str:
    """Return a comparison as a page of its own; see `section`."""
    told = section(document)
    header = [
        paragraph("Comparison of two releases", class_="above"),
        element("h1", told.title),
        paragraph(f"Measured on {document['rows']:,} test rows.", class_="lead"),
    ]
    footer = f"SHA-256 of the candidate's model.tflite: {document['candidate']['sha256']}"
    return shell.page("Champion and candidate", header, [told], footer, charts=False)


def section(document: dict[str, Any]) -> Section:
    """Return a comparison as a section.

    Args:
        document: `champion` (name, version, ...), `recipe` of both, `gates`, `primary`, `scores` (value, interval, drop
            against the champion and drop_interval, by metric), `slices` (as those of `metrics.json`).
    """
    shown = [gates.shown(gate, {}, "the champion") for gate in document["gates"]]
    failed = [gate for gate in shown if not gate.passed]
    known = (document["champion"].get(key) for key in ("name", "version"))
    champion = " ".join(str(value) for value in known if value)
    verdict = (
        f"{len(failed)} of {len(shown)} gates would stop it: {', '.join(gate.name for gate in failed)}."
        if failed
        else f"It passes all {len(shown)} gates against the champion."
    )
    recipes = document["recipe"]
    told = paragraph(
        f"The champion is {champion}, recipe {recipes['champion']}; the candidate has recipe {recipes['candidate']}. "
        f"Both files answered the same rows. {verdict}"
    )
    parts = [told, gate_table("Gates against the champion", shown), _scores(document["scores"])]
    if document["slices"]:
        parts.append(_slices(document["slices"], document["primary"]))
    title = "It may take the champion's place" if not failed else "It may not take the champion's place"
    return Section("champion", title, "Champion", joined(parts))


def _scores(scores: dict[str, Any]) -> str:
    rows = [
        (words.metric(name).title, ranged(words.measured(name, score)), ranged(words.lost(name, score)))
        for name, score in scores.items()
    ]
    return table("Every metric of the candidate", ("metric", "candidate", "lost against the champion"), rows)


def _slices(slices: list[dict[str, Any]], primary: str) -> str:
    rows = [
        (
            one["slice"], f"{one['rows']:,}",
            ranged(words.of_part(primary, one)),
            ranged(words.lost_in_part(primary, one)),
        )
        for one in sorted(slices, key=lambda one: (-one["drop"], one["slice"]))[:MAX_SLICES]
    ]  # fmt: skip
    header = (
        "slice",
        "rows",
        f"{words.metric(primary).title} of the candidate",
        "lost against the champion, % or points",
    )
    return table("Slices, those that lose most first", header, rows)
