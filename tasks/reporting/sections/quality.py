"""The quality of the data, row by row: what a person should look at."""

from typing import Any

from tasks.data.near_copies import described
from tasks.reporting import html, words
from tasks.reporting.findings import Findings
from tasks.reporting.html import Paragraph, Section, Table, fold, note, table
from tasks.reporting.quality import SHOWN, Quality

NETWORK = "network"  # as `cross_validate` names what predicted the rows of a fold
LABELS_FILE = "reports/cross_validate/labels.csv"
READY = "data/ready/target"


def section(found: Findings) -> Section:
    """Return likely wrong labels, near copies, quarantined rows, the balance of the classes, and "unsure"."""
    quality = found.quality
    return html.section(
        "quality", "Rows to look at", "Data quality",
        Paragraph(_summary(quality)),
        _labels(quality),
        _near_copies(quality),
        _quarantined(quality),
        Paragraph(balance) if (balance := _balance(quality, found.parameters)) else None,
        Paragraph(unsure) if (unsure := _unsure(found.measured.get("unsure"))) else None,
    )  # fmt: skip


def _summary(quality: Quality) -> str:
    total = sum(quality.reasons.values())
    left_out = f"{words.counted(total, 'row')} left out with a reason" if total else "none left out"
    if not quality.labels:
        checked = "Labels were not checked."
    elif quality.likely_wrong:
        checked = f"{words.counted(quality.likely_wrong, 'label is', 'labels are')} likely wrong."
    else:
        checked = "No label is likely wrong; the list below begins with the least likely ones."
    return f"{quality.rows:,} rows are kept, {left_out}. {checked}"


def _labels(quality: Quality) -> html.Fold | None:
    if not quality.labels:
        return None
    by = quality.labels[0]["predicted_by"]
    who = "the network, trained without them" if by == NETWORK else f"the simple method {by.replace('_', ' ')}"
    columns = {"rank": "rank", "source": "row", "text": "text", "label": "label", "suggested": "rather"}
    columns["likely_wrong"] = "likely wrong"
    if not any(row["text"] for row in quality.labels):
        del columns["text"]
    rows = [[row[name] for name in columns] for row in quality.labels]
    return fold(
        "Labels that may be wrong",
        note(f"By {who} (confident learning, Northcutt et al. 2021). {LABELS_FILE} lists more."),
        table("Labels, the most suspicious first", tuple(columns.values()), rows, look="words"),
    )


def _near_copies(quality: Quality) -> html.Fold | Paragraph | None:
    if not quality.near_copies:
        return None
    said = described(quality.near_copies)
    said = said[:1].upper() + said[1:] + "."
    if not quality.near_copy_rows:
        return note(said)
    rows = [(row["group"], row["source"], row["split"], row["classes_differ"]) for row in quality.near_copy_rows]
    listed = table("Near copies", ("group", "row", "split", "classes differ"), rows)
    return fold("Near copies", note(f"{said} {READY}/near_copies.csv lists all."), listed)


def _quarantined(quality: Quality) -> html.Fold | None:
    if not quality.reasons:
        return None
    counts = table(
        "Rows left out", ("reason", "rows"), [(name, f"{count:,}") for name, count in quality.reasons.items()]
    )
    return fold("Rows that were left out", counts, _first(quality))


def _first(quality: Quality) -> Table | None:
    rows = [(row["source"], row["reason"]) for row in quality.quarantined]
    caption = f"The first {SHOWN}; {READY}/quarantine.csv has all" if len(rows) == SHOWN else "All of them"
    return table(caption, ("row", "reason"), rows, look="words") if rows else None


def _balance(quality: Quality, parameters: dict[str, Any]) -> str:
    counts = {name: rows for name, rows in quality.class_rows.items() if rows}
    if len(counts) < 2:
        return ""
    most, least = max(counts, key=lambda name: counts[name]), min(counts, key=lambda name: counts[name])
    ratio = counts[most] / counts[least]
    said = (
        f"The largest class, {most}, has {counts[most]:,} training rows; the smallest, {least}, {counts[least]:,}: "
        f"{ratio:.1f} to 1."
    )
    start = _weighed_from(parameters)
    if start is None or ratio < start:
        return f"{said} All rows count alike in training."
    return f"{said} From {start:g} to 1 on, rows of rare classes count more in training (class_weights_from)."


def _weighed_from(parameters: dict[str, Any]) -> float | None:
    """Return the setting of the first training run of the line; None where there is none."""
    runs = (("train", "fit"), ("fine_tune", "head"))
    for section_name, run in runs:
        fit = (parameters.get(section_name) or {}).get(run)
        if isinstance(fit, dict):
            value = fit.get("class_weights_from")
            return None if value is None else float(value)
    return None


def _unsure(unsure: dict[str, Any] | None) -> str:
    if unsure is None:
        return ""
    if unsure["threshold"] is None:
        return f'The model always answers, although "unsure" was asked for: {unsure["reason"]}.'
    promise = f"at most {words.percent(unsure['max_error'], 1)} of its answers are wrong"
    said = (
        f'Below a confidence of {unsure["threshold"]:.3f} the model says "unsure", so that {promise}, with '
        f"{words.percent(unsure['confidence'], 0)} confidence by {unsure['validation_rows']:,} validation rows."
    )
    if unsure["error_rate"] is None:
        return f"{said} It answers none of the test rows."
    low, high = unsure["interval"]
    return (
        f"{said} It answers {words.percent(unsure['coverage'], 1)} of the test rows, and "
        f"{words.percent(unsure['error_rate'], 1)} of these answers are wrong "
        f"[{words.percent(low, 1)}, {words.percent(high, 1)}]."
    )
