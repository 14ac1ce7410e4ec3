"""How the model was trained: learning curves, cost, layer sensitivity, cross-validation."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tasks.reporting import html, words
from tasks.reporting.drawing import QUIET, REFERENCE, RELEASED, Chart, chart, label, rounded, series
from tasks.reporting.findings import COMPARISON, FACTOR, SOURCE, Findings, History
from tasks.reporting.html import Fold, Paragraph, Section, Table, charts, fold, note, table

MAX_RECIPES = 6


def histories(found: Findings) -> list[Chart]:
    """Draw the training of the base, of the fine-tuned model, and of the recipes, the described one first."""
    recipes = sorted(found.metrics, key=lambda name: name != found.recipe)
    shown = {"train": "The base model", "fine_tune": "Fine-tuned to the target"}
    shown |= {name: f"Compressed: {name}" for name in [name for name in recipes if found.histories[name]][:MAX_RECIPES]}
    return [_history(name, title, found.histories[name]) for name, title in shown.items() if found.histories[name]]


def sensitivity_chart(found: Findings) -> Chart:
    """Draw the bytes that each layer saves when it alone is rounded ever more coarsely, and what it costs."""
    figure = go.Figure()
    for index, layer in enumerate(found.layers.found):
        figure.add_scatter(
            x=layer.saved_bytes, y=rounded(100 * value for value in layer.changed), mode="lines+markers",
            name=label(layer.name), line=series(index), marker={"size": 7}, cliponaxis=False,
            hovertemplate="%{fullData.name}<br>%{x:,} bytes saved<br>%{y:.2f}% of the answers change<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="bytes of the zip saved")
    figure.update_yaxes(title="answers that change, %", rangemode="tozero")
    caption = (
        "Each layer is rounded alone, ever more coarsely: a line that stays low far to the right saves bytes cheaply."
    )
    return chart("sensitivity", "Bytes saved against answers changed", caption, figure, 420)


def folds(found: Findings) -> Chart:
    """Draw the primary metric of each fold, with the mean and the spread."""
    document, primary = found.cross_validation, found.primary
    known = [fold for fold in document["folds"] if fold[primary] is not None]
    mean, spread = (words.scaled(primary, document[name][primary]) for name in ("mean", "std"))
    figure = go.Figure()
    figure.add_hrect(y0=mean - spread, y1=mean + spread, fillcolor=REFERENCE, opacity=0.18, line_width=0)
    figure.add_hline(y=mean, line={"color": REFERENCE, "width": 1.5})
    figure.add_scatter(
        x=[fold["fold"] for fold in known], y=rounded(words.scaled(primary, fold[primary]) for fold in known),
        mode="markers",
        marker={"color": RELEASED, "size": 11}, customdata=[fold["rows"] for fold in known],
        hovertemplate="fold %{x}<br>%{y:,.4g} on %{customdata:,} rows<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title="fold", dtick=1, showgrid=False, zeroline=False)
    figure.update_yaxes(title=words.axis(primary))
    caption = "Line: the mean. Band: one standard deviation to both sides, not the error of the mean: folds share rows."
    return chart("folds", f"{words.metric(primary).title}, fold by fold", caption, figure, 300)


def _history(name: str, title: str, history: History) -> Chart:
    own = [row for row in history if row["run"] != COMPARISON]
    scratch = [row for row in history if row["run"] == COMPARISON]
    shown = ["loss", *watched_of(history)]
    figure = make_subplots(rows=len(shown), cols=1, shared_xaxes=True, vertical_spacing=0.08)
    _trace(figure, own, "", "training", shown, {"color": RELEASED, "width": 1.5, "dash": "dot"})
    _trace(figure, own, "val_", "validation", shown, {"color": RELEASED, "width": 2.5})
    if scratch:
        _trace(
            figure,
            scratch,
            "val_",
            "from scratch, validation",
            shown,
            {"color": REFERENCE, "width": 1.5, "dash": "dash"},
        )
    for epoch, run in _changes(own):
        figure.add_vline(x=epoch, line={"color": QUIET, "width": 1, "dash": "dot"}, row="all", col=1)
        figure.add_annotation(
            x=epoch, y=1, yref="y domain", xanchor="left", yanchor="bottom", showarrow=False,
            text=label(run.removeprefix(f"{name}-")), font={"color": QUIET, "size": 11}, row=1, col=1,
        )  # fmt: skip
    figure.update_xaxes(title="epoch", row=len(shown), col=1)
    figure.update_xaxes(range=[0.5, max(len(own), len(scratch)) + 0.5])
    for row, metric in enumerate(shown, 1):
        figure.update_yaxes(title=metric.replace("_", " "), row=row, col=1)
    figure.update_yaxes(rangemode="tozero", row=1, col=1)
    caption = f"Loss above, {shown[1].replace('_', ' ')} below, by epoch." if shown[1:] else "The loss, by epoch."
    return chart(f"history-{name}", title, caption, figure, 420, legend_y=1.06)


def watched_of(history: History) -> list[str]:
    """Return the name of the metric that was measured beside the loss, nothing where the loss is all."""
    named = [name.removeprefix("val_") for name in history[0] if name.startswith("val_") and name != "val_loss"]
    return named[:1]


def _trace(
    figure: go.Figure, rows: Sequence[dict[str, Any]], prefix: str, caption: str, shown: list[str], line: dict[str, Any]
) -> None:
    for place, metric in enumerate(shown, 1):
        figure.add_scatter(
            x=list(range(1, len(rows) + 1)), y=rounded(row[prefix + metric] for row in rows), line=line,
            mode="lines+markers" if len(rows) == 1 else "lines", name=caption, showlegend=place == 1, row=place, col=1,
            hovertemplate=f"{caption}<br>epoch %{{x}}: %{{y:.4g}}<extra></extra>",
        )  # fmt: skip


def _changes(rows: History) -> list[tuple[float, str]]:
    """Return where each run begins, and its name; nothing where there is only one."""
    starts = [
        (index + 1.5, after["run"]) for index, (now, after) in enumerate(pairwise(rows)) if now["run"] != after["run"]
    ]
    return [(0.5, rows[0]["run"]), *starts] if starts else []


# Of the table of folds, those that a kind has; all metrics have a mean above it.
PER_FOLD = ("rmse", "mae", "r2", "accuracy", "balanced_accuracy", "f1_macro", "log_loss", "roc_auc_macro")
NOT_CROSS_VALIDATED = "Not measured: cross_validate is null in params.yaml."


def section(found: Findings) -> Section:
    """Draw the learning curves."""
    drawn = histories(found)
    body = charts(*drawn) if drawn else Paragraph("Nothing was trained: the pretrained model is used unchanged.")
    return html.section("training", "How training went", "Training", body)


def sensitivity(found: Findings) -> Section:
    """Draw how many bytes each layer can save, and which answers change."""
    title = "How many bytes each layer can still save"
    if found.layers.left_out:
        return html.section("sensitivity", title, "Layers", Paragraph(f"Not measured: {found.layers.left_out}"))
    rows = [
        (
            layer.name, f"{layer.weights:,}", *(
                f"{saved:,} / {words.percent(changed)}"
                for saved, changed in zip(layer.saved_bytes, layer.changed, strict=True)
            ), f"{layer.bytes_per_point():,.0f}",
        )
        for layer in found.layers.found
    ]  # fmt: skip
    header = ("layer", "weights", *(f"step {number}" for number in range(1, len(rows[0]) - 2)), "bytes per point")
    caption = f"Bytes of the zip saved / answers that change, of {found.layers.rows:,} test rows"
    explained = note(
        f"Each kernel of {found.subject} is rounded alone, in steps from fine to too coarse. A minus: the file "
        "grew. Bytes per point: the most bytes saved for one percentage point of changed answers."
    )
    return html.section(
        "sensitivity", title, "Layers", charts(sensitivity_chart(found)), table(caption, header, rows), explained
    )


def cross_validation(found: Findings) -> Section:
    """Return mean and spread of each metric over the folds, and the folds."""
    document, title = found.cross_validation, "How much the result depends on the choice of rows"
    if not document["folds"]:
        return html.section("folds", title, "Folds", Paragraph(NOT_CROSS_VALIDATED))
    caption = f"Over {len(document['folds'])} folds of all {document['rows']:,} rows"
    spread = [
        (words.metric(name).title, words.score(name, mean), words.difference(name, document["std"].get(name)))
        for name, mean in document["mean"].items()
    ]
    return html.section(
        "folds", title, "Folds",
        Paragraph(cross_validation_summary(document)),
        charts(folds(found)) if document["mean"].get(found.primary) is not None else None,
        table(caption, ("metric", "mean", "standard deviation"), spread),
        _folds(document),
        _undefined(document),
    )  # fmt: skip


def cross_validation_summary(document: dict[str, Any]) -> str:
    """Say how the rows were divided, and what a reader has to know about it."""
    if not document["folds"]:
        return NOT_CROSS_VALIDATED
    model = "the base model was used unchanged" if document["as_it_is"] else "the base model was fine-tuned again"
    model = "a model was trained from scratch" if document["anew"] else model
    text = (
        f"For each of {len(document['folds'])} folds of the target {model}, "
        "and the float model was measured on the rows of the fold."
    )
    if document["group"]:
        text += f" Rows with the same {document['group']} are in one fold."
    if seen := document.get("rows_in_base"):
        text += (
            f" {seen:,} of the {document['rows']:,} rows are in the base data set, too: the base model has seen them, "
            "so these figures are too good."
        )
    return text


def cost(found: Findings) -> Section:
    """Return what the training cost, run by run."""
    rows = [
        (
            one.run, f"{one.epochs:,}", f"{one.rows:,}", f"{one.examples:,}", f"{one.passes}", words.large(one.flops)
        )
        for one in found.costs
    ]  # fmt: skip
    header = ("run", "epochs", "rows", "examples", "passes", "FLOPs")
    return html.section(
        "cost", "What the training cost", "Cost",
        Paragraph(cost_summary(found)),
        table(f"Training runs behind {found.subject}", header, rows) if rows else None,
    )  # fmt: skip


def cost_summary(found: Findings) -> str:
    """Say the training cost and how it was estimated."""
    total = sum(one.flops for one in found.costs)
    return (
        f"About {words.large(total)} FLOPs. An inference takes {found.macs:,} multiply-accumulates in the convolutions "
        f"and dense layers of the float32 file, two FLOPs each. A training example takes {FACTOR} times that, forward "
        f"and backward ({SOURCE}), and one forward pass more where a teacher answers it. This is an estimate: every "
        f"epoch counts as all rows through all layers; validation, and the model trained "
        f"{COMPARISON.replace('_', ' ')} for comparison, are not counted. Energy was not measured."
    )


def _folds(document: dict[str, Any]) -> Table:
    names = [name for name in PER_FOLD if name in document["folds"][0]]
    rows = [
        (
            f"{fold['fold']}", f"{fold['rows']:,}", f"{fold['epochs']:,}",
            *(words.score(name, fold[name]) for name in names),
        )
        for fold in document["folds"]
    ]  # fmt: skip
    return table("Every fold", ("fold", "rows", "epochs", *(words.metric(name).title for name in names)), rows)


def _undefined(document: dict[str, Any]) -> Fold | None:
    reasons = [
        (where, figure, reason)
        for where, figures in document.get("undefined", {}).items()
        for figure, reason in figures.items()
    ]
    if not reasons:
        return None
    shown = table("Undefined in a fold", ("fold", "figure", "reason"), reasons, look="words")
    return fold(f"{words.counted(len(reasons), 'figure is', 'figures are')} undefined", shown)
