"""The results of a search, as a table with a picture."""

from pathlib import Path
from typing import Any

from tasks.reporting.markdown import markdown_table


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
