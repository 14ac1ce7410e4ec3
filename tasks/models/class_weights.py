"""Class weights: where classes are strongly imbalanced, rows of rare ones count more in the loss.

A row weighs as the root of how rare its class is. The plain inverse, which makes all classes count alike, moves the
probabilities so far that a calibrated model is none any more; docs/decisions/0036 has both, measured.
"""

from dataclasses import replace

import numpy as np

from tasks.core.params.training import Fit
from tasks.core.progress import say
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.models.learning_task import LearningTask

SHOWN = 5


def weights_of(counts: Array, least_ratio: float | None) -> Array | None:
    """Return the weight of a row of each class, (classes,), 1 in the mean of all rows; None where they are balanced.

    Args:
        counts: training rows of each class, (classes,) of int; a class without any weighs 1.
        least_ratio: of the largest class to the smallest, from which on rows are weighed; None: never.
    """
    there = counts[counts > 0]
    if least_ratio is None or len(there) < 2 or there.max() < least_ratio * there.min():
        return None
    weights = np.where(counts > 0, 1 / np.sqrt(np.maximum(counts, 1)), 0)
    mean = float((weights * counts).sum() / counts.sum())
    return np.where(counts > 0, weights / mean, 1.0)


def weighing(task: LearningTask, data: Dataset, params: Fit, name: str) -> LearningTask:
    """Return the task with the class weights of the training rows, where there are some; say so."""
    if not task.kind.has_classes:
        return task
    counts = np.bincount(data.column("train", data.target).all(), minlength=len(data.classes))
    weights = weights_of(counts, params.class_weights_from)
    if weights is None:
        return task
    say(f"{name}: {described(counts, weights, data.classes)}")
    return replace(task, class_weights=tuple(weights.tolist()))


def described(counts: Array, weights: Array, classes: list[str]) -> str:
    """Put the weights into words, those of the rarest classes first."""
    rarest = np.argsort(counts, kind="stable")[: SHOWN - 1].tolist()
    shown = dict.fromkeys([*rarest, int(counts.argmax())])
    each = ", ".join(f"{classes[one]} {weights[one]:.2f} ({counts[one]:,} rows)" for one in shown)
    return f"rows of rare classes count more in the loss: {each}"
