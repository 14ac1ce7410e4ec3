"""The metrics of one class per row, all by scikit-learn and SciPy."""

from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from tasks.contracts.params import Evaluate
from tasks.data.records import Array
from tasks.metrics import classification
from tasks.metrics.classification import Scores, Settings

PRIMARY = "accuracy"
# MERGE: gone when `evaluate` has the keys top_k and calibration_bins; `scored` then takes them from its `params`.
SETTINGS = Settings(top_k=3, calibration_bins=15)


def predicted(scores: Array) -> Array:
    """Return the class index of each row, (rows,); the first of equal scores wins. `scores` is (rows, classes)."""
    return np.asarray(scores.argmax(axis=1))


def measure(labels: Array, scores: Array, classes: list[str], confidence: float) -> dict[str, Any]:
    """Compute accuracy with its Wilson interval, and precision, recall and F1 per class and macro.

    Args:
        labels: true class indices, (rows,).
        scores: of the exported file, (rows, classes).
        classes: the class names.
        confidence: of the interval, such as 0.95.

    Returns:
        Fractions in [0, 1]. A ratio without a denominator (a class that was never predicted) counts as 0.
    """
    guesses = predicted(scores)
    correct = int((guesses == labels).sum())
    indices = np.arange(len(classes))
    per_class = precision_recall_fscore_support(labels, guesses, labels=indices, zero_division=0.0)
    macro = precision_recall_fscore_support(labels, guesses, labels=indices, average="macro", zero_division=0.0)
    return {
        "accuracy": correct / len(labels),
        "accuracy_interval": interval(correct, len(labels), confidence),
        "confidence": confidence,
        "correct": correct,
        "rows": len(labels),
        "macro": dict(zip(("precision", "recall", "f1"), map(float, macro[:3]), strict=True)),
        "per_class": {
            name: {
                "precision": float(per_class[0][index]),
                "recall": float(per_class[1][index]),
                "f1": float(per_class[2][index]),
                "rows": int(per_class[3][index]),
            }
            for index, name in enumerate(classes)
        },
        "confusion": confusion_matrix(labels, guesses, labels=indices).tolist(),
    }


def scored(labels: Array, probabilities: Array, classes: list[str], params: Evaluate) -> Scores:
    """Compute every metric of `classification.scored`, with the settings of `evaluate`."""
    return classification.scored(labels, probabilities, classes, SETTINGS)


def interval(correct: int, rows: int, confidence: float) -> list[float]:
    """Return the Wilson score interval of a fraction, as [low, high] (Wilson 1927)."""
    bounds = binomtest(correct, rows).proportion_ci(confidence, method="wilson")
    return [float(bounds.low), float(bounds.high)]
