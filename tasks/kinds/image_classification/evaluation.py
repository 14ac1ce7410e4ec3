"""Evaluation of images with one class each."""

import numpy as np

from tasks.core.params.gates import Baseline
from tasks.data.columns import Column, Dataset
from tasks.data.records import Array
from tasks.metrics.classifier_evaluation import ClassifierEvaluation

MAX_SIDE = 32  # larger images are shrunk: a weight for each pixel and class learns no more from all of them
BATCH_ROWS = 1000


class ImageEvaluation(ClassifierEvaluation):
    """Probabilities of classes, against the majority class and a logistic regression on pixels."""

    def baselines(self, target: Dataset, params: Baseline) -> dict[str, Array]:
        """Return probabilities of the test rows, (rows, classes), by method."""
        from tasks.metrics.baselines import chosen_rows, logistic_regression, majority_class, probabilities

        rows, classes = chosen_rows(target, params), len(target.classes)
        train = pixels(target.column("train", "image"), rows)
        test = pixels(target.column("test", "image"), np.arange(target.rows("test")))
        labels = target.column("train", "label").take(rows)
        return {
            "majority_class": majority_class(target),
            "logistic_regression": probabilities(logistic_regression(), train, labels, test, classes),
        }


def pixels(images: Column, rows: Array) -> Array:
    """Return images as rows of pixels in [0, 1], (rows, pixels); a pixel is the mean of a block of a large image's."""
    batches = np.split(rows, range(BATCH_ROWS, len(rows), BATCH_ROWS))
    return np.concatenate([_shrunk(images.take(batch)) for batch in batches])


def _shrunk(images: Array) -> Array:
    count, height, width, channels = images.shape
    down, across = -(-height // MAX_SIDE), -(-width // MAX_SIDE)
    whole = images[:, : height // down * down, : width // across * across]  # what is left of the last block is cut off
    blocks = whole.reshape(count, height // down, down, width // across, across, channels)
    return np.asarray(blocks.mean(axis=(2, 4)).reshape(count, -1) / 255)


EVALUATION = ImageEvaluation()
