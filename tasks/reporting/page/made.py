"""How the released file came about: training, its cost, what is left to save, cross-validation."""

from typing import Any

from tasks.reporting import words
from tasks.reporting.charts import training
from tasks.reporting.cost import COMPARISON, FACTOR, SOURCE
from tasks.reporting.findings import Findings
from tasks.reporting.page.markup import Markup, Section, folded, joined, paragraph, table
from tasks.reporting.page.shell import drawn

# Of the table of folds, those that a kind has; all metrics have a mean below.
PER_FOLD = ("rmse", "mae", "r2", "accuracy", "balanced_accuracy", "f1_macro", "log_loss", "roc_auc_macro")


def trained(found: Findings) -> Section:
    """Draw the training curves."""
    charts = training.histories(found)
    body = drawn(*charts) if charts else paragraph("Nothing was trained: the model was taken as it is.")
    return Section("training", "How training went", "Training", body)


def sensitive(found: Findings) -> Section:
    """Draw what each layer of the released file can still lose."""
    title = "What each layer can still lose"
    if found.layers.left_out:
        return Section("sensitivity", title, "Layers", paragraph(f"Not measured: {found.layers.left_out}"))
    rows = [
        (
            layer.name, f"{layer.weights:,}", *(
                f"{saved:,} / {words.percent(changed)}"
                for saved, changed in zip(layer.saved_bytes, layer.changed, strict=True)
            ), f"{layer.bytes_per_point():,.0f}",
        )
        for layer in found.layers.found
    ]  # fmt: skip
    header = ("layer", "weights", *(f"step {place}" for place in range(1, len(rows[0]) - 2)), "bytes per point")
    caption = f"Bytes of the zip saved / answers that change, of {found.layers.rows:,} test rows"
    note = paragraph(
        "Every kernel of the released file is rounded alone, in steps from hardly to too coarse. A minus: the file "
        "grew. Bytes per point: the most bytes that a point of changed answers buys.",
        class_="note",
    )
    return Section(
        "sensitivity", title, "Layers", joined([drawn(training.sensitivity(found)), table(caption, header, rows), note])
    )


def cross_validated(found: Findings) -> Section:
    """Return mean and spread of each metric over the folds, and the folds."""
    document, title = found.cross_validation, "Would other rows have said the same?"
    if not document["folds"]:
        told = "It was not measured: cross_validate is null in params.yaml."
        return Section("folds", title, "Folds", paragraph(told))
    caption = f"Over {len(document['folds'])} folds of all {document['rows']:,} rows"
    spread = [
        (words.metric(name).title, words.score(name, mean), words.difference(name, document["std"].get(name)))
        for name, mean in document["mean"].items()
    ]
    parts = [paragraph(cross_validation_told(document))]
    if document["mean"].get(found.primary) is not None:
        parts.append(drawn(training.folds(found)))
    parts.append(table(caption, ("metric", "mean", "standard deviation"), spread))
    return Section("folds", title, "Folds", joined([*parts, _folds(document)]))


def cross_validation_told(document: dict[str, Any]) -> str:
    """Say what was divided, and what a reader has to know of it."""
    if not document["folds"]:
        return "Not measured: cross_validate is null in params.yaml."
    what = "the base model was measured as it is" if document["as_it_is"] else "the base model was fine-tuned anew"
    what = "a model was trained anew" if document["anew"] else what
    told = (
        f"For each of {len(document['folds'])} folds of the target {what}, "
        "and the float model was measured on the rows of the fold."
    )
    if document["group"]:
        told += f" Rows of equal {document['group']} are in one fold."
    if seen := document.get("rows_in_base"):
        told += (
            f" {seen:,} of the {document['rows']:,} rows are in the base data set, too: the base model has seen them, "
            "and these figures are too good."
        )
    return told


def cost(found: Findings) -> Section:
    """Return what the training cost, run by run."""
    rows = [
        (
            one.run, f"{one.epochs:,}", f"{one.rows:,}", f"{one.examples:,}", f"{one.passes}", words.large(one.flops)
        )
        for one in found.costs
    ]  # fmt: skip
    parts = [paragraph(cost_told(found))]
    if rows:
        header = ("run", "epochs", "rows", "examples", "passes", "FLOPs")
        parts.append(table("Training runs behind the released file", header, rows))
    return Section("cost", "What the training cost", "Cost", joined(parts))


def cost_told(found: Findings) -> str:
    """Say the training cost and how it was estimated."""
    total = sum(one.flops for one in found.costs)
    return (
        f"About {words.large(total)} FLOPs. An inference takes {found.macs:,} multiply-accumulates in the convolutions "
        f"and dense layers of the float32 file, two FLOPs each; an example takes {FACTOR} times that, forward and "
        f"backward ({SOURCE}), and once more where a teacher answers it. Estimated, not measured: every epoch counts "
        f"as all rows through all layers; validation, and the model trained {COMPARISON.replace('_', ' ')} for "
        "comparison, are not counted. Energy was not measured."
    )


def _folds(document: dict[str, Any]) -> Markup:
    names = [name for name in PER_FOLD if name in document["folds"][0]]
    rows = [
        (
            f"{fold['fold']}", f"{fold['rows']:,}", f"{fold['epochs']:,}",
            *(words.score(name, fold[name]) for name in names),
        )
        for fold in document["folds"]
    ]  # fmt: skip
    header = ("fold", "rows", "epochs", *(words.metric(name).title for name in names))
    shown = [table("Every fold", header, rows)]
    reasons = [
        (where, figure, reason)
        for where, figures in document.get("undefined", {}).items()
        for figure, reason in figures.items()
    ]
    if reasons:
        told = table("Undefined in a fold", ("fold", "figure", "reason"), reasons, class_="words")
        shown.append(folded(f"{words.counted(len(reasons), 'figure is', 'figures are')} undefined", told))
    return joined(shown)
