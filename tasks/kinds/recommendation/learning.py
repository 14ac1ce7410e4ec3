"""What a recommender learns: the next item of a history, and its rating."""

from typing import Any

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.contracts.errors import DataError, ParamsError
from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.contracts.training import Augment
from tasks.data.columns import Dataset
from tasks.data.records import Columns
from tasks.models import plain_conversion
from tasks.models.learning import refuse_augmentation
from tasks.models.saving import Facts

INPUTS, TARGET, WATCHED = ("history", "history_ratings", "item"), "truth", "among_ten"
PRECISIONS = ("float32", "dynamic")
HIDDEN = -1e9  # is added to the score of an item that was rated already
TEN = 10
SMOOTHING = 0.1  # of the next item's probability goes to all items (Szegedy and others 2016)


def augmented(columns: Columns, augment: Augment | None, random: Any) -> Columns:
    """Return a batch as it is; items are left out in the network.

    Raises:
        ParamsError: they are to be moved or turned round, as images are.
    """
    refuse_augmentation(augment, "histories", "; train.item_dropout leaves items out")
    return columns


def fed(inputs: tuple[tf.Tensor, ...], facts: Facts) -> tuple[tf.Tensor, ...]:
    """Return the inputs as they are."""
    return inputs


def targets(truth: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Return index of the item and rating, (batch, 2)."""
    return truth[:, :2]


def loss() -> Any:
    """Return the cross-entropy of the next item, an unknown one being one of them, and the rating's squared error.

    Both count alike. The two halves of `two_towers` have no weights in common, and Adam's steps do not depend on the
    size of a loss, so that a factor between them would only move the epoch that is kept.
    """
    return lambda truth, answers: _surprise(truth, answers) + tf.square(truth[:, 1] - answers[:, -1])


def metrics() -> list[Any]:
    """Return what is told of an epoch; items that were rated already are not left out of the ten, as the file does."""
    return [
        tf_keras.metrics.MeanMetricWrapper(_among_ten, name=WATCHED),
        tf_keras.metrics.MeanMetricWrapper(lambda truth, answers: tf.abs(truth[:, 1] - answers[:, -1]), name="mae"),
    ]


def outputs(answers: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Return scores of the known items and the rating, (batch, items + 1), without what the history hides."""
    return answers[:, 1:]


def exported(model: Any, facts: Facts, recipe: Recipe, data: Dataset, params: Export) -> bytes:
    """Convert a model to the file of a recipe: scores of the known items, those of the history last, and the rating.

    Raises:
        ParamsError: the recipe asks for inputs of less than 32 bits.
        DataError: the model was made for other items than `data`.
    """
    if recipe.precision not in PRECISIONS:
        raise ParamsError(
            got=f"precision: {recipe.precision}", expected=" or ".join(PRECISIONS),
            do="take dynamic (int8 weights): ratings and the weights of a history lose too much in fewer bits",
        )  # fmt: skip
    if facts.classes != data.facts["classes"] or facts.data["inputs"] != data.facts["inputs"]:
        raise DataError(
            got="a model of other items or histories than the target's", expected="those it was trained on",
            do="give base and target the same data, with fine_tune: null",
        )  # fmt: skip
    return plain_conversion.exported(_hiding(model), None, recipe, data, INPUTS, params)


def _hiding(model: Any) -> Any:
    """Return a model of one row that hides the items of the history; an item's place among the scores is its index."""
    answers = model.output[0]
    history = tf.reshape(model.inputs[0], (-1, 1))
    hidden = tf.scatter_nd(history, tf.fill(tf.shape(history)[:1], HIDDEN), (answers.shape[0] - 1,))
    shown = tf.concat([(answers[:-1] + hidden)[1:], answers[-1:]], axis=0)
    return tf_keras.Model(model.inputs, tf.expand_dims(shown, 0))


def _surprise(truth: tf.Tensor, answers: tf.Tensor) -> tf.Tensor:
    logits = answers[:, :-1]
    own = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(truth[:, 0], tf.int32), logits)
    of_all = tf.reduce_logsumexp(logits, axis=1) - tf.reduce_mean(logits, axis=1)
    return (1 - SMOOTHING) * own + SMOOTHING * of_all


def _among_ten(truth: tf.Tensor, answers: tf.Tensor) -> tf.Tensor:
    found = tf.math.in_top_k(tf.cast(truth[:, 0], tf.int32) - 1, answers[:, 1:-1], TEN)  # -1, unknown: never among them
    return tf.cast(found, tf.float32)
