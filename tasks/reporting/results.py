"""Result tables: of a line's recipes beside simple baselines, of a search, of a squeeze."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.reporting import html, words
from tasks.reporting.findings import Findings
from tasks.reporting.html import Paragraph, Section, table
from tasks.reporting.sections import decision
from tasks.reporting.sections.headline import against_baseline, warnings
from tasks.reporting.words import harmless


def markdown_table(rows: Sequence[tuple[str, ...]]) -> str:
    """Lay rows out as a table; the first row is the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def escaped_table(rows: Iterable[tuple[str, ...]]) -> str:
    """Lay rows out as a table whose cells are shown literally."""
    return markdown_table([tuple(escaped(cell) for cell in row) for row in rows])


TAG = re.compile(r"<(?=[^\s\d=])")  # "a < 1" is no tag, and is read on a terminal, too


def escaped(text: str) -> str:
    """Return text as Markdown shows it literally: no HTML, no new cell, no new line."""
    return " ".join(TAG.sub("&lt;", harmless(text).replace("&", "&amp;")).replace("|", "\\|").split())


def baselines_section(found: Findings) -> Section:
    """Say what simple baselines reach, metric by metric."""
    header = ("metric", found.recipe, *(words.method(name) for name in found.baseline["baselines"]))
    return html.section(
        "baselines", "Is the network worth it?", "Baselines",
        Paragraph(f"{against_baseline(found)} {summary(found)}"),
        table("Simple baselines on the same rows", header, _rows(found.baseline, found.measured)),
    )  # fmt: skip


def summary(found: Findings) -> str:
    """Say what all simple methods reach."""
    document, primary = found.baseline, found.baseline["primary"]
    reached = {words.method(name): values[primary] for name, values in document["baselines"].items()}
    listed = ", ".join(f"{name} {words.score(primary, value)}" for name, value in reached.items())
    fitted, title = words.counted(document["training_rows"], "training row"), words.metric(primary).title
    return f"Simple methods on the same rows, fitted on at most {fitted}: {title} {listed}."


def _rows(document: dict[str, Any], measured: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            words.metric(name).title,
            words.score(name, score["value"]),
            *(words.score(name, values[name]) for values in document["baselines"].values()),
        )
        for name, score in measured["scores"].items()
    ]


SECOND = ("f1_macro", "r2", "chrf")  # shown beside the primary metric, the first that the kind has
COLUMNS = (
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


def results(found: Findings) -> str:
    """Return the result table, below the reason where nothing is released."""
    above = [f"**{escaped(one)}.**" for one in warnings(found)]
    return "\n\n".join([*above, escaped(against_baseline(found)), result_table(found), *_changes(found)]) + "\n"


def _changes(found: Findings) -> list[str]:
    """Say for each recipe what fails, and the smallest change that would pass, where nothing is released."""
    if found.is_released:
        return []
    lines = []
    for candidate in found.verdict["candidates"]:
        for gate in decision.of_recipe(found, candidate["gates"], candidate["recipe"]):
            if not gate.passed:
                change = f"; {gate.change}" if gate.change else ""
                lines.append(f"- `{candidate['recipe']}`: {escaped(gate.reason or gate.name)}{escaped(change)}")
    return ["What fails, and the smallest change that passes:", "\n".join(lines)]


NARROW = ("zip bytes", "median us")  # of the wide table's columns, beside recipe, verdict and primary metric


def result_table(found: Findings) -> str:
    """Return a Markdown table of five columns, a row per recipe; below it the gain of transfer and simple methods.

    The page has the wide table with all columns: this one has to fit a terminal of 100 columns.
    """
    wide = header(found.metrics)
    places = [0, 1, 2, *(wide.index(name) for name in NARROW)]
    rows = [tuple(row[place] for place in places) for row in [wide, *result_rows(found)]]
    return f"{markdown_table(rows)}\n\n{measured_on(found.float32)} {gain(found.transfer)}\n\n{summary(found)}"


def header(metrics: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the columns."""
    primary, second = _shown(metrics)
    shown = [f"{words.metric(primary).title} [interval]", *([words.metric(second).title] if second else [])]
    return ("recipe", "verdict", *shown, *COLUMNS)


def _shown(metrics: dict[str, Any]) -> tuple[str, str | None]:
    float32 = metrics[words.FLOAT32]
    return float32["primary"], next((name for name in SECOND if name in float32["scores"]), None)


def result_rows(found: Findings) -> list[tuple[str, ...]]:
    """Return a row per recipe, under `header`."""
    rows: list[tuple[str, ...]] = []
    primary, second = _shown(found.metrics)
    for recipe, measured in found.metrics.items():
        score = measured["scores"][primary]
        latency = found.profiles[recipe]["latency_us"]
        rows.append((
            recipe,
            _verdict(found, recipe),
            words.measured(primary, score),
            *([words.score(second, measured["scores"][second]["value"])] if second else []),
            words.lost(primary, score),
            f"{measured['agreement_with_float32']:.2%}",
            f"{measured['size_bytes']:,}",
            f"{measured['zip_bytes']:,}",
            f"{measured['zip_bytes'] / found.float32['zip_bytes']:.1%}",
            f"{measured['xz_bytes']:,}",
            f"{measured['entropy_bytes']:,}",
            f"{latency['median']:.1f}",
            f"{latency['p95']:.1f}",
        ))  # fmt: skip
    return rows


def _verdict(found: Findings, recipe: str) -> str:
    gates = next(one["gates"] for one in found.verdict["candidates"] if one["recipe"] == recipe)
    if found.is_released and recipe == found.recipe:
        return "accepted at own risk" if found.accepted else "released"
    failed = [gate["name"] for gate in gates if not gate["passed"]]
    if len(failed) > 1:
        return f"fails {len(failed)} gates"
    return f"fails {failed[0]}" if failed else "passes"


def measured_on(float32: dict[str, Any]) -> str:
    """Say what the tables were measured on."""
    return (
        f"Measured on {float32['rows']:,} test rows, on the exported files; {float32['confidence']:.0%} intervals. "
        "zip bytes travel to the device; median us is the latency on this machine."
    )


def columns_explained() -> str:
    """Say what the columns of the wide table are."""
    return (
        "drop: lost against float32 on the same rows, in percentage points or in the metric's unit; agrees: rows with "
        "the same answer as float32; floor: order-0 entropy of the constants, in bytes."
    )


def gain(transfer: dict[str, Any]) -> str:
    """Say what fine-tuning gained over the same network trained on the target alone, where it was done."""
    if "as_it_is" in transfer:
        return "Nothing was fine-tuned: the base model is used as it is."
    primary = transfer["primary"]
    tuned, head = (words.score(primary, transfer[run][primary]) for run in ("fine_tuned", "head_only"))
    title = words.metric(primary).title
    if "from_scratch" not in transfer:
        return f"{title}: fine-tuned {tuned}, head alone {head}; training from scratch was not tried."
    scratch = words.score(primary, transfer["from_scratch"][primary])
    gained = words.scaled(primary, transfer["gain_of_transfer"])
    points = " points" if words.metric(primary).is_share else ""
    return (
        f"{title}: fine-tuned {tuned}, head alone {head}, from scratch with as many steps "
        f"{scratch}; transfer gains {gained:+,.2f}{points}."
    )


def pareto_page(document: dict[str, Any]) -> str:
    """Return a search's outcomes as Markdown: the trials, smallest first, and the sensitivity of each layer."""
    float32, int8 = document["float32"], document["int8"]
    rows: list[tuple[str, ...]] = [
        ("trial", "technique", "zip bytes", "int8 / own", "accuracy", "drop [interval]", "front", "confirmed drop")
    ]
    for trial in sorted(document["trials"], key=lambda one: int(one["zip_bytes"])):
        rows.append((
            trial["name"],
            trial["technique"],
            f"{trial['zip_bytes']:,}",
            f"{int8['zip_bytes'] / trial['zip_bytes']:.2f}",
            f"{trial['accuracy']:.2%}",
            _drop(trial),
            "yes" if trial["front"] else "",
            _confirmed(trial),
        ))  # fmt: skip
    layers: list[tuple[str, ...]] = [("layer", "weights", "gain", "bytes per point", "saved bytes", "answers changed")]
    for layer in document["layers"]:
        layers.append((
            layer["name"],
            f"{layer['weights']:,}",
            f"{layer['gain']:.2f}",
            f"{layer['bytes_per_point']:,.0f}",
            ", ".join(f"{saved:,}" for saved in layer["saved_bytes"]),
            ", ".join(f"{changed:.2%}" for changed in layer["changed"]),
        ))  # fmt: skip
    return (
        f"# Search\n\nOn {document['rows']['choosing']:,} validation rows: float32 {float32['accuracy']:.2%}, "
        f"{float32['zip_bytes']:,} zip bytes; int8 {int8['accuracy']:.2%}, {int8['zip_bytes']:,}. "
        f"Drops in points, with {document['confidence']:.0%} paired intervals. What kept the bounds by its estimate "
        f"was then tested on {document['rows']['confirming']:,} other rows, with intervals that hold all at once.\n\n"
        f"{markdown_table(rows)}\n\n"
        "## Sensitivity\n\nEach layer rounded alone, ever more coarsely: the zip bytes that it saves, the rows whose "
        "answer changes. `gain` is how much of its noise arrives at the logits; `bytes per point` is the best of saved "
        f"bytes over points of changed answers.\n\n{markdown_table(layers)}\n"
    )


def _drop(measured: dict[str, Any]) -> str:
    low, high = measured["accuracy_drop_interval"]
    return f"{100 * measured['accuracy_drop']:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def _confirmed(trial: dict[str, Any]) -> str:
    if trial["confirmed"] is None:
        return ""
    verdict = "chosen" if trial["chosen"] else "kept" if trial["confirmed"]["kept"] else "broken"
    return f"{_drop(trial['confirmed'])} {verdict}"


def pareto_picture(document: dict[str, Any], path: Path) -> None:
    """Draw size against drop, and each layer's bytes against changed answers, as an SVG; equal input, equal bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "trimline", "font.size": 9}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_trials(left, document)
        for layer in document["layers"]:
            changed = [100 * value for value in layer["changed"]]
            right.plot(layer["saved_bytes"], changed, marker="o", label=layer["name"])
        right.set(xlabel="zip bytes saved", ylabel="answers changed, %", title="Each layer alone")
        right.legend(fontsize=7)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _draw_trials(axes: Any, document: dict[str, Any]) -> None:
    for technique in sorted({trial["technique"] for trial in document["trials"]}):
        trials = [trial for trial in document["trials"] if trial["technique"] == technique]
        sizes = [trial["zip_bytes"] / 1000 for trial in trials]
        drops = [100 * trial["accuracy_drop"] for trial in trials]
        axes.scatter(sizes, drops, label=technique, s=18)
    front = sorted(
        (trial["zip_bytes"] / 1000, 100 * trial["accuracy_drop"]) for trial in document["trials"] if trial["front"]
    )
    axes.step([size for size, _ in front], [drop for _, drop in front], where="post", linewidth=0.8, color="grey")
    for trial in document["trials"]:
        if trial["chosen"]:
            axes.annotate("chosen", (trial["zip_bytes"] / 1000, 100 * trial["accuracy_drop"]), fontsize=7)
    axes.axvline(document["int8"]["zip_bytes"] / 1000, linestyle=":", color="grey", label="int8")
    axes.set(xlabel="zip kB", ylabel="accuracy drop, points", title="Trials")
    axes.legend(fontsize=7)


CONFIDENCE = 0.95
HEADER = ("drop [95 %]", "bytes", "zip bytes", "of the first", "median us", "p95 us")


@dataclass(frozen=True)
class Measured:
    """A candidate with what it is judged by; the drop's interval is paired, None where the measure has none."""

    name: str
    score: float
    drop: float
    drop_interval: list[float] | None
    size_bytes: int
    zip_bytes: int
    latency_us: dict[str, float]

    def broken(self, max_zip_bytes: int, max_drop: float) -> list[str]:
        """Return the bounds that are broken, each with the measured value and the bound."""
        size = [f"zip bytes {self.zip_bytes:,} > {max_zip_bytes:,}"] if self.zip_bytes > max_zip_bytes else []
        return size + ([f"drop {self.drop:.4f} > {max_drop:g}"] if self.drop > max_drop else [])


def squeezed_table(
    measured: list[Measured], best: Measured | None, max_zip_bytes: int, max_drop: float, measure: str, rows: int
) -> str:
    """Return the candidates as Markdown; the first is what the others are compared with."""
    table: list[tuple[str, ...]] = [("candidate", "verdict", measure, *HEADER)]
    for one in measured:
        verdict = "written" if one is best else "breaks a bound" if one.broken(max_zip_bytes, max_drop) else "fits"
        spread = " [{:+.4f}, {:+.4f}]".format(*one.drop_interval) if one.drop_interval else ""
        table.append((
            one.name, verdict, f"{one.score:.4f}", f"{one.drop:+.4f}{spread}", f"{one.size_bytes:,}",
            f"{one.zip_bytes:,}", f"{one.zip_bytes / measured[0].zip_bytes:.1%}",
            f"{one.latency_us['median']:.1f}", f"{one.latency_us['p95']:.1f}",
        ))  # fmt: skip
    note = f"Measured on {rows} rows; --max-size {max_zip_bytes:,} bounds the zip bytes, --max-drop the drop itself."
    return f"{markdown_table(table)}\n\n{note}"
