"""Rows of rare classes count more where classes are strongly imbalanced, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest

from tasks.core.params.training import Fit
from tasks.data import columns
from tests.tasks import line


@pytest.mark.parametrize("counts", [[100, 100], [100, 21], [100, 0], [50, 0, 49]])
def test_balanced_classes_have_no_weights(counts: list[int]) -> None:
    from tasks.models.class_weights import weights_of

    assert weights_of(np.array(counts), 5.0) is None


def test_a_rare_class_weighs_by_the_root_of_how_rare_it_is_and_all_rows_one_in_the_mean() -> None:
    from tasks.models.class_weights import described, weights_of

    counts = np.array([3200, 0, 200])
    weights = weights_of(counts, 5.0)
    assert weights is not None
    assert weights[2] / weights[0] == pytest.approx(4) and weights[1] == 1
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1)
    assert weights_of(counts, None) is None and weights_of(counts, 16.1) is None
    said = described(counts, weights, ["ham", "none", "spam"])
    assert said.startswith("rows of rare classes count more in the loss: ") and "spam 3.40 (200 rows)" in said


def test_the_weighted_loss_is_the_loss_of_each_row_times_its_weight() -> None:
    from tasks.models.learning_task import IMAGES

    logits, labels = np.array([[2.0, -1.0], [0.5, 0.0], [3.0, 1.0]], np.float32), np.array([0, 1, 1])
    plain = [float(IMAGES.loss()(labels[row : row + 1], logits[row : row + 1])) for row in range(3)]
    weighted = np.asarray(IMAGES.weighted_loss((0.5, 2.0))(labels, logits))
    assert weighted == pytest.approx(np.array(plain) * [0.5, 2.0, 2.0], rel=1e-5)


def test_the_digits_train_as_if_there_were_no_weights(tiny_line: Path) -> None:
    from tasks.models.class_weights import weighing
    from tasks.models.learning_task import IMAGES, LearningTask
    from tasks.models.saving import metadata_of

    data = columns.load(tiny_line / "data/ready/target")
    task = LearningTask(IMAGES, metadata_of(data))
    assert weighing(task, data, Fit.model_validate(line.fit(1)), "train") is task
