"""What is released, and which gates it passed."""

from collections.abc import Iterable

from tasks.reporting import gates, words
from tasks.reporting.findings import Findings
from tasks.reporting.page.markup import Cell, Markup, Section, code, element, joined, paragraph, table
from tasks.reporting.words import FLOAT32


def header(found: Findings) -> list[Cell]:
    """Return the headline and the verdict in two sentences."""
    measured, score = found.released, found.released["scores"][found.primary]
    share = measured["zip_bytes"] / found.float32["zip_bytes"]
    passed = words.counted(len(found.bundle["gates"]), "gate")
    return [
        paragraph("Report of a release", class_="above"),
        element("h1", f"{found.owner.name}: ", code(found.recipe), " is released"),
        paragraph(
            f"It takes {measured['size_bytes']:,} bytes on the device and {measured['zip_bytes']:,} on its way there, "
            f"{words.percent(share, 1)} of {FLOAT32}'s. On {measured['rows']:,} test rows it has "
            f"{_named(found.primary)} {words.score(found.primary, score['value'])}; that is "
            f"{_against(found.primary, score['drop'])}. It passed {passed}.",
            class_="lead",
        ),
    ]


def section(found: Findings) -> Section:
    """Return the figures that decide, and every gate."""
    confidence = words.percent(found.released["confidence"], 0)
    rows = [gates.shown(gate, found.profile) for gate in found.bundle["gates"]]
    left_out = {name for name, bound in found.bundle["parameters"]["release"].items() if bound is None}
    note = paragraph(
        f"Intervals have a confidence of {confidence}. Where a gate has one, its worse end has to keep the bound: the "
        "lower end of what may not fall, the upper end of what may not grow. Latency and memory were measured on the "
        "machine that made this page.",
        *([f" Not asked for: {', '.join(sorted(left_out))}."] if left_out else []),
        class_="note",
    )  # fmt: skip
    body = joined([_tiles(found), gate_table("Every gate of the release, with what was measured", rows), note])
    return Section("verdict", "The released file passed every gate", "Verdict", body)


def gate_table(caption: str, rows: Iterable[gates.Shown]) -> Markup:
    """Return gates as a table with their verdicts."""
    return table(
        caption, ("gate", "verdict", "measured", "interval", "bound"),
        [
            (joined([row.title, element("small", code(row.name))], ""), _badge(row), row.value, row.interval, row.bound)
            for row in rows
        ],
    )  # fmt: skip


def _badge(row: gates.Shown) -> Markup:
    verdict = element("span", "✓ pass" if row.passed else "✗ fail", class_="pass" if row.passed else "fail")
    return joined([verdict, element("small", row.reason)], "") if row.reason else verdict


def _tiles(found: Findings) -> Markup:
    measured, score = found.released, found.released["scores"][found.primary]
    latency, floats, name = found.profile["latency_us"], found.float32, found.primary
    tiles = (
        ("Bytes on the device", f"{measured['size_bytes']:,}", _times(floats, measured, "size_bytes")),
        ("Bytes of the zip", f"{measured['zip_bytes']:,}", _times(floats, measured, "zip_bytes")),
        (words.metric(name).title, words.score(name, score["value"]), words.interval(name, score["interval"])),
        (
            f"{'Points lost' if words.metric(name).is_share else 'Lost'} against {FLOAT32}",
            words.difference(name, score["drop"]), words.interval(name, score["drop_interval"]),
        ),
        (
            "Median latency", f"{words.number(latency['median'], 1)} µs",
            f"{words.number(found.profile['times_float32'], 2)} times {FLOAT32}'s",
        ),
    )  # fmt: skip
    return element(
        "dl",
        *(
            element("div", element("dt", title), element("dd", element("strong", value), element("span", told)))
            for title, value, told in tiles
        ),
        class_="tiles",
    )


def _times(floats: dict[str, int], measured: dict[str, int], name: str) -> str:
    return f"{words.number(floats[name] / measured[name], 1)} times smaller"


def _named(primary: str) -> str:
    title = words.metric(primary).title
    return f"{'an' if title[0] in 'AEIOR' else 'a'} {title if title.isupper() else title.lower()} of"


def _against(primary: str, drop: float) -> str:
    lost, unit = words.difference(primary, abs(drop)), " points" if words.metric(primary).is_share else ""
    return f"{lost}{unit} {'worse' if drop > 0 else 'better'} than {FLOAT32}" if round(drop, 4) else f"as {FLOAT32} has"
