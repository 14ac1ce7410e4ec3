"""What a smaller file loses against the one that it comes from, measured with labels or without."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tasks.core.errors import DataError
from tasks.data.records import Array
from tasks.metrics.bootstrap import accuracy_drop

PROBABILITY_TOLERANCE = 0.05  # of the sum of a quantized softmax


@dataclass(frozen=True)
class Quality:
    """A measure, with the answers of the model that is the reference.

    Attributes:
        name: accuracy (labels are there), agreement (the outputs are probabilities: the same class is the likeliest),
            or fidelity (of other outputs: 1 less the error's root mean square, relative to the outputs' deviation).
        reference: outputs of the reference, (rows, ...).
        labels: (rows,), None where there are none.
    """

    name: Literal["accuracy", "agreement", "fidelity"]
    reference: Array
    labels: Array | None

    def score(self, outputs: Array) -> float:
        """Return the measure for the outputs on the same rows; 1 is best."""
        if self.name == "accuracy":
            return float((self._classes(outputs) == self.labels).mean())
        if self.name == "agreement":
            return float((self._classes(outputs) == self._classes(self.reference)).mean())
        return 1 - float(np.sqrt(np.square(outputs - self.reference).mean())) / deviation(self.reference)

    def drop(self, outputs: Array) -> float:
        """Return what is lost against the reference; negative where the outputs are better."""
        return self.score(self.reference) - self.score(outputs)

    def drop_interval(self, outputs: Array, confidence: float) -> list[float] | None:
        """Return the paired interval of the drop; None for fidelity, which is no share of rows."""
        if self.name == "fidelity":
            return None
        truth = self.labels if self.labels is not None else self._classes(self.reference)
        right, own = self._classes(self.reference) == truth, self._classes(outputs) == truth
        interval: list[float] = accuracy_drop(right, own, confidence)["accuracy_drop_interval"]
        return interval

    def _classes(self, outputs: Array) -> Array:
        if outputs.shape[1] > 1:
            return np.asarray(outputs.argmax(axis=1))
        within = self.reference.min() >= 0 and self.reference.max() <= 1  # a sigmoid's, else logits
        return np.asarray(outputs[:, 0] > (0.5 if within else 0), np.int64)


def quality_of(reference: Array, labels: Array | None) -> Quality:
    """Choose the measure for a model by its outputs, (rows, ...), and its labels.

    Raises:
        DataError: the outputs are the same for all rows, or labels are given and the outputs are no scores of classes.
    """
    if labels is not None:
        if reference.ndim != 2:
            raise DataError(
                got=f"labels, and outputs of shape {reference.shape[1:]} for each row",
                expected="a score for each class",
                do="leave y out: the files are then compared with the float model",
            )  # fmt: skip
        return Quality("accuracy", reference, labels)
    if not deviation(reference):
        raise DataError(
            got="the same outputs for all rows", expected="a model that tells the samples apart",
            do="prepare the samples as for the model's training",
        )  # fmt: skip
    return Quality("agreement" if are_probabilities(reference) else "fidelity", reference, None)


def deviation(outputs: Array) -> float:
    """Return the root mean square of the outputs around their mean."""
    return float(np.sqrt(np.square(outputs - outputs.mean(axis=0)).mean()))


def are_probabilities(outputs: Array) -> bool:
    """Whether the outputs of each row, (rows, classes), are those of a softmax."""
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        return False
    return bool(outputs.min() >= 0 and np.abs(outputs.sum(axis=1) - 1).max() < PROBABILITY_TOLERANCE)
