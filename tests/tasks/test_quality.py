"""What a smaller file loses is measured by what its outputs are."""

import numpy as np
import pytest

from tasks.commands.squeeze import Quality, are_probabilities, quality_of
from tasks.core.errors import DataError


def test_quality_is_measured_by_what_the_outputs_are() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], np.float32)
    swapped = probabilities[:, ::-1]
    labels = np.array([0, 1, 1])
    assert are_probabilities(probabilities) and not are_probabilities(2 * probabilities)
    by_labels, by_likeness = quality_of(probabilities, labels), quality_of(probabilities, None)
    assert (by_labels.name, by_labels.score(probabilities), by_labels.drop(swapped)) == ("accuracy", 2 / 3, 1 / 3)
    assert (by_likeness.name, by_likeness.score(probabilities), by_likeness.drop(swapped)) == ("agreement", 1.0, 1.0)
    numbers = np.array([[1.0], [3.0], [5.0]], np.float32)
    fidelity = quality_of(numbers, None)
    assert fidelity.name == "fidelity" and fidelity.drop(numbers) == 0
    assert fidelity.drop(numbers + 1) == pytest.approx(1 / numbers.std())
    sigmoid = Quality("accuracy", np.array([[0.1], [0.7]], np.float32), np.array([0, 1]))
    logits = Quality("accuracy", np.array([[-0.1], [0.3]], np.float32), np.array([0, 1]))
    assert sigmoid.score(sigmoid.reference) == logits.score(logits.reference) == 1
    with pytest.raises(DataError, match="the same outputs for all rows"):
        quality_of(np.ones((5, 3), np.float32), None)
    with pytest.raises(DataError, match="labels, and outputs of shape"):
        quality_of(np.ones((5, 3, 3), np.float32), np.arange(5))
