"""Evaluation of images with one class each."""

from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.params.gates import Baseline
from tasks.core.progress import say
from tasks.data.columns import Column, Dataset
from tasks.data.records import Array
from tasks.metrics.classifier_evaluation import ClassifierEvaluation

if TYPE_CHECKING:
    from tasks.data.image_features import Features

MAX_SIDE = 32  # larger images are shrunk: a weight for each pixel and class learns no more from all of them
BATCH_ROWS = 1000
# Pixels of all images together that pretrained features are taken of: about 3 minutes of one core.
MAX_PIXELS = 70_000_000


class ImageEvaluation(ClassifierEvaluation):
    """Probabilities of classes, against the majority class and a linear model of pretrained features or of pixels."""

    def baselines(self, target: Dataset, params: Baseline) -> dict[str, Array]:
        """Return probabilities of the test rows, (rows, classes), by method."""
        from tasks.metrics.baselines import chosen_rows, logistic_regression, majority_class, probabilities

        rows, tested = chosen_rows(target, params), np.arange(target.rows("test"))
        name, seen = "logistic_regression", pixels
        if down := shrinking(target.inputs["image"]["shape"], len(rows) + len(tested)):
            name, seen = "pretrained_features", partial(pretrained_features, down=down)
        train, test = seen(target.column("train", "image"), rows), seen(target.column("test", "image"), tested)
        labels = target.column("train", "label").take(rows)
        found = probabilities(logistic_regression(), train, labels, test, len(target.classes))
        return {"majority_class": majority_class(target), name: found}


def shrinking(shape: list[int], rows: int) -> int:
    """Return by how much images are shrunk for pretrained features; 0 where these are not for them."""
    from tasks.data.image_features import MIN_SIDE

    height, width, channels = shape
    if channels != 3 or min(height, width) < MIN_SIDE:
        return 0
    for down in range(1, min(height, width) // MIN_SIDE + 1):
        if rows * (height // down) * (width // down) <= MAX_PIXELS:
            return down
    say(f"baseline: no pretrained features, as {rows} images of {height}x{width} take minutes; lower baseline.max_rows")
    return 0


def pretrained_features(images: Column, rows: Array, down: int) -> Array:
    """Return the features of images that are shrunk so much, (rows, features) of float32."""
    batches = np.split(rows, range(BATCH_ROWS, len(rows), BATCH_ROWS))
    return np.concatenate([_network().of(np.rint(_means(images.take(batch), down, down))) for batch in batches])


@cache
def _network() -> "Features":
    """Return the network, which knows the images that it has seen: folds of the same rows ask for them again."""
    from tasks.data.image_features import Features

    return Features()


def pixels(images: Column, rows: Array) -> Array:
    """Return images as rows of pixels in [0, 1], (rows, pixels); a pixel is the mean of a block of a large image's."""
    batches = np.split(rows, range(BATCH_ROWS, len(rows), BATCH_ROWS))
    return np.concatenate([_shrunk(images.take(batch)) for batch in batches])


def _shrunk(images: Array) -> Array:
    count, height, width, _ = images.shape
    return np.asarray(_means(images, -(-height // MAX_SIDE), -(-width // MAX_SIDE)).reshape(count, -1) / 255)


def _means(images: Array, down: int, across: int) -> Array:
    """Return the means of blocks of pixels, (rows, height / down, width / across, channels)."""
    count, height, width, channels = images.shape
    whole = images[:, : height // down * down, : width // across * across]  # what is left of the last block is cut off
    return np.asarray(whole.reshape(count, height // down, down, width // across, across, channels).mean(axis=(2, 4)))


EVALUATION = ImageEvaluation()
