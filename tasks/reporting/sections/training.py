"""How the model was trained: learning curves, cost, layer sensitivity, cross-validation."""

from typing import Any

from tasks.reporting import words
from tasks.reporting.charts import training
from tasks.reporting.cost import COMPARISON, FACTOR, SOURCE
from tasks.reporting.findings import Findings
from tasks.reporting.sections import blocks
from tasks.reporting.sections.blocks import Fold, Paragraph, Section, Table, charts, fold, note, table

# Of the table of folds, those that a kind has; all metrics have a mean above it.
PER_FOLD = ("rmse", "mae", "r2", "accuracy", "balanced_accuracy", "f1_macro", "log_loss", "roc_auc_macro")
NOT_CROSS_VALIDATED = "Not measured: cross_validate is null in params.yaml."


def section(found: Findings) -> Section:
    """Draw the learning curves."""
    drawn = training.histories(found)
    body = charts(*drawn) if drawn else Paragraph("Nothing was trained: the pretrained model is used unchanged.")
    return blocks.section("training", "How training went", "Training", body)


def sensitivity(found: Findings) -> Section:
    """Draw how many bytes each layer can save, and which answers change."""
    title = "How many bytes each layer can still save"
    if found.layers.left_out:
        return blocks.section("sensitivity", title, "Layers", Paragraph(f"Not measured: {found.layers.left_out}"))
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
    return blocks.section(
        "sensitivity", title, "Layers", charts(training.sensitivity(found)), table(caption, header, rows), explained
    )


def cross_validation(found: Findings) -> Section:
    """Return mean and spread of each metric over the folds, and the folds."""
    document, title = found.cross_validation, "How much the result depends on the choice of rows"
    if not document["folds"]:
        return blocks.section("folds", title, "Folds", Paragraph(NOT_CROSS_VALIDATED))
    caption = f"Over {len(document['folds'])} folds of all {document['rows']:,} rows"
    spread = [
        (words.metric(name).title, words.score(name, mean), words.difference(name, document["std"].get(name)))
        for name, mean in document["mean"].items()
    ]
    return blocks.section(
        "folds", title, "Folds",
        Paragraph(cross_validation_summary(document)),
        charts(training.folds(found)) if document["mean"].get(found.primary) is not None else None,
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
    return blocks.section(
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
