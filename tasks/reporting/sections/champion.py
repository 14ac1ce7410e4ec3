"""Champion/challenger: a candidate compared with the release before it, on the same rows."""

from typing import Any

from tasks.reporting import html, words
from tasks.reporting.html import Paragraph, Section, Table, ranged, table
from tasks.reporting.sections import decision

MAX_SLICES = 50


def champion_page(document: dict[str, Any]) -> str:
    """Return a comparison as a page of its own; see `section`."""
    rows, digest = document["rows"], document["candidate"]["sha256"]
    return html.page("champion.html", [section(document)], has_charts=False, rows=rows, sha256=digest)


def section(document: dict[str, Any]) -> Section:
    """Return a comparison as a section.

    Args:
        document: `champion` (name, version, ...), `recipe` of both, `gates`, `primary`, `scores` (value, interval, drop
            against the champion and drop_interval, by metric), `slices` (as those of `metrics.json`).
    """
    shown = [decision.shown(gate, {}, "the champion") for gate in document["gates"]]
    failed = [gate for gate in shown if not gate.passed]
    return html.section(
        "champion",
        "The candidate may not replace the champion" if failed else "The candidate may replace the champion",
        "Champion",
        Paragraph(f"{_models(document)} {_verdict(shown, failed)}"),
        decision.table("Gates against the champion", shown),
        _scores(document["scores"]),
        _slices(document["slices"], document["primary"]) if document["slices"] else None,
    )


def _models(document: dict[str, Any]) -> str:
    known = (document["champion"].get(key) for key in ("name", "version"))
    champion, recipes = " ".join(str(value) for value in known if value), document["recipe"]
    return (
        f"The champion is {champion}, recipe {recipes['champion']}; the candidate has recipe {recipes['candidate']}. "
        "Both files answered the same rows."
    )


def _verdict(shown: list[decision.Shown], failed: list[decision.Shown]) -> str:
    if failed:
        return f"The candidate fails {len(failed)} of {len(shown)} gates: {', '.join(gate.name for gate in failed)}."
    return f"The candidate passes all {len(shown)} gates against the champion."


def _scores(scores: dict[str, Any]) -> Table:
    rows = [
        (words.metric(name).title, ranged(words.measured(name, score)), ranged(words.lost(name, score)))
        for name, score in scores.items()
    ]
    return table("Every metric of the candidate", ("metric", "candidate", "lost against the champion"), rows)


def _slices(slices: list[dict[str, Any]], primary: str) -> Table:
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
    return table("Slices, the largest loss first", header, rows)
