"""Likely wrong labels, ranked by confident learning (Northcutt et al. 2021, JAIR 70:1373) on out-of-sample predictions.

A label is suspicious where a model that has not seen the row gives its class little probability, compared with the
probability that rows of that class usually get. cleanlab, by the authors of the method, does the counting.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.core.params.gates import Baseline
from tasks.data.columns import Dataset, Parts, Subset
from tasks.data.records import SPLITS, Array
from tasks.metrics.classification import normalised
from tasks.metrics.kind_evaluation import KindEvaluation

HEADER = (
    "rank", "source", "row", "split", "label", "suggested", "label_quality", "suggested_probability", "likely_wrong",
    "predicted_by", "text",
)  # fmt: skip
LISTED = 0.1  # of all rows; of these a person looks at the first
MAX_LISTED = 10_000
MIN_CLASSES = 2
MIN_ROWS = 3  # of a class: with fewer, a fold often has none of it to learn from
TINY = 1e-12
TEXT, MAX_CHARACTERS = "text", 200
METHOD = "normalized_margin"
CONSTANT = "majority_class"  # it says the same of each row


@dataclass(frozen=True)
class Predicted:
    """What models said of rows that they had not seen.

    Attributes:
        rows: which, counted over all splits as `Dataset.pooled` has them, (rows,) of int.
        probabilities: (rows, classes).
        by: what predicted them.
    """

    rows: Array
    probabilities: Array
    by: str


def by_simple_method(evaluation: KindEvaluation, target: Dataset, params: Baseline) -> Predicted | None:
    """Return what the best of the kind's simple methods says of the rows of each fold; None where there is none.

    It takes seconds where folds of the network take minutes.

    Args:
        evaluation: of a kind whose targets are classes.
        target: all of its splits are used.
        params: of the simple methods; `label_folds` says how many folds.
    """
    labels = target.pooled(target.target).all()
    counts = np.bincount(labels, minlength=len(target.classes))
    known = np.flatnonzero(counts[labels] >= max(MIN_ROWS, params.label_folds or 0))
    if len(np.unique(labels[known])) < MIN_CLASSES:
        return None
    folds = _folds(labels, known, params)
    found = [evaluation.baselines(Subset(target.folder, target.metadata, part), params) for part in folds]
    rows = np.concatenate([part["test"] for part in folds])
    methods = {
        name: np.concatenate([outputs[name] for outputs in found])
        for name in found[0]
        if name != CONSTANT and all(name in outputs for outputs in found)
    }
    if not methods:
        return None
    best = max(methods, key=lambda name: float((methods[name].argmax(axis=1) == labels[rows]).mean()))
    return Predicted(rows, methods[best], best)


def _folds(labels: Array, rows: Array, params: Baseline) -> list[Parts]:
    """Divide rows into folds, each with about as many rows of a class; those of the others train."""
    random, fold_of = np.random.default_rng(params.seed), np.empty(len(rows), np.int64)
    for label in np.unique(labels[rows]):
        members = random.permutation(np.flatnonzero(labels[rows] == label))
        fold_of[members] = np.arange(len(members)) % (params.label_folds or 1)
    none = np.empty(0, np.int64)
    return [
        {"train": rows[fold_of != fold], "validation": none, "test": rows[fold_of == fold]}
        for fold in np.unique(fold_of).tolist()
    ]


def ranked(labels: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """Rank rows by how likely their label is wrong.

    Args:
        labels: class indices, (rows,) of int.
        probabilities: out of sample, (rows, classes).

    Returns:
        `order`, (rows,) of int, the most suspicious first; `quality` of each label in [0, 1], (rows,); and which rows
        confident learning holds to be wrong, (rows,) of bool.
    """
    from cleanlab.filter import find_label_issues  # seconds: it imports pandas
    from cleanlab.rank import get_label_quality_scores

    shares = np.maximum(normalised(probabilities), TINY)
    present, own = np.unique(labels, return_inverse=True)  # a class without labels has no threshold
    shares = shares[:, present] / shares[:, present].sum(axis=1, keepdims=True)
    quality = np.asarray(get_label_quality_scores(own, shares, method=METHOD, adjust_pred_probs=True))
    wrong = np.asarray(find_label_issues(own, shares, filter_by="both", n_jobs=1), bool)
    return np.argsort(quality, kind="stable"), quality, wrong


def write(path: Path, target: Dataset, predicted: Predicted | None) -> int:
    """Write the most suspicious rows, the most suspicious first; return how many labels are likely wrong.

    Rows of a class with fewer than `MIN_ROWS` rows are left out: nothing can be learnt about it.

    Args:
        path: of the CSV file; it has a header alone where nothing was predicted.
        target: the rows.
        predicted: None where labels are not checked.
    """
    rows = [] if predicted is None else list(_listed(target, predicted))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)
    return sum(row[HEADER.index("likely_wrong")] == "yes" for row in rows)


def _listed(target: Dataset, predicted: Predicted) -> Iterator[tuple[str, ...]]:
    labels = target.pooled(target.target).take(predicted.rows)
    counts = np.bincount(labels, minlength=len(target.classes))
    known = counts[labels] >= MIN_ROWS
    rows, labels, probabilities = predicted.rows[known], labels[known], predicted.probabilities[known]
    if len(np.unique(labels)) < MIN_CLASSES:
        return
    order, quality, wrong = ranked(labels, probabilities)
    listed = order[: min(MAX_LISTED, max(int(wrong.sum()), int(np.ceil(LISTED * len(rows)))))]
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -1
    guesses, chosen = others.argmax(axis=1), rows[listed]  # the likeliest class that is not the label
    split_of = np.repeat(SPLITS, [target.rows(split) for split in SPLITS])
    described = zip(
        listed.tolist(), target.row_sources(chosen), target.pooled("row").take(chosen).tolist(),
        split_of[chosen].tolist(), _texts(target, chosen), strict=True,
    )  # fmt: skip
    for rank, (one, source, row, split, text) in enumerate(described, start=1):
        yield (
            f"{rank}", source, f"{row}", split, target.classes[labels[one]], target.classes[guesses[one]],
            f"{quality[one]:.4f}", f"{probabilities[one, guesses[one]]:.4f}", "yes" if wrong[one] else "no",
            predicted.by, text,
        )  # fmt: skip


def _texts(target: Dataset, rows: Array) -> list[str]:
    if not target.has(TEXT):
        return [""] * len(rows)
    return [text[:MAX_CHARACTERS] for text in target.pooled(TEXT).take(rows).tolist()]
