"""The metrics of one class per row."""

from pathlib import Path
from typing import Any

from sklearn.metrics import confusion_matrix

from tasks.contracts.params import Evaluate
from tasks.data.records import Array
from tasks.metrics import classification
from tasks.metrics.classification import predicted
from tasks.metrics.curves import precision_recall_rows, reliability_rows, roc_rows, write_rows
from tasks.metrics.measured import measured
from tasks.metrics.slices import parts_of, sliced

PRIMARY = classification.PRIMARY


def measure(
    labels: Array, own: Array, reference: Array, classes: list[str], columns: dict[str, Array], params: Evaluate
) -> dict[str, Any]:
    """Measure a model against a reference on the same rows; see `tasks.metrics.measured.measured`.

    Args:
        labels: true class indices, (rows,).
        own: probabilities of the model, (rows, classes).
        reference: probabilities of the float32 model, (rows, classes).
        classes: the class names.
        columns: what the slices ask for, (rows,) each, by name.
        params: of the stage.
    """
    guesses, expected = predicted(own), predicted(reference)
    parts = parts_of(labels, classes, columns, params.slices)
    return {
        **measured(labels, own, reference, classes, params),
        "agreement_with_float32": float((guesses == expected).mean()),
        "confusion": confusion_matrix(labels, guesses, labels=range(len(classes))).tolist(),
        "slices": sliced(guesses == labels, expected == labels, parts, params.confidence),
    }


def write_tables(
    labels: Array,
    own: Array,
    classes: list[str],
    bins: int,
    *,
    confusion: Path,
    roc: Path,
    precision_recall: Path,
    reliability: Path,
) -> None:
    """Write what `dvc plots` shows; of `confusion` a line per row."""
    pairs = ((classes[label], classes[guess]) for label, guess in zip(labels, predicted(own), strict=True))
    write_rows(confusion, ("actual", "predicted"), pairs)
    write_rows(roc, ("class", "false_positive_rate", "true_positive_rate"), roc_rows(labels, own, classes))
    write_rows(precision_recall, ("class", "recall", "precision"), precision_recall_rows(labels, own, classes))
    write_rows(reliability, ("confidence", "accuracy", "rows"), reliability_rows(labels, own, bins))
