"""What a translator learns: each token of the target, given the source with the tokens before it."""

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf

from tasks.core.errors import ParamsError
from tasks.core.params.training import Augment
from tasks.data.records import Array, Columns
from tasks.data.subword_tokenizer import PADDING, START
from tasks.models.learning_task import Inputs, KindModel, Loss, Metric, Tensor, refuse_augmentation
from tasks.models.saving import ModelMetadata


def _shortened(tokens: Tensor) -> Tensor:
    longest = tf.reduce_max(tf.math.count_nonzero(tokens != PADDING, axis=1))
    return tokens[:, : tf.maximum(longest, 1)]


class TranslationModel(KindModel):
    """Pairs of sentences as tokens."""

    inputs = ("source_tokens", "target_tokens")
    target = "target_tokens"
    watched = "loss"

    def augment(self, columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
        """Return the tokens of a batch as they are.

        Raises:
            ParamsError: they are to be moved or turned round, as images are.
        """
        refuse_augmentation(augment, "sentences")
        return columns

    def lengths(self, targets: Array) -> Array:
        """Return by what rows are put together in batches, so that few tokens of one are padding, (rows,) of int."""
        counted: Array = (targets != PADDING).sum(axis=1)
        return counted

    def preprocess_inputs(self, inputs: tuple[Tensor, ...], metadata: ModelMetadata) -> Inputs:
        """Return source tokens and the tokens before the wanted ones, each as long as its longest row."""
        source, target = map(_shortened, inputs)
        start = tf.fill((tf.shape(target)[0], 1), START)
        previous = tf.where(target == PADDING, PADDING, tf.concat([start, target[:, :-1]], axis=1))
        return source, previous

    def preprocess_targets(self, targets: Tensor, metadata: ModelMetadata) -> Tensor:
        """Return the wanted tokens, as long as the longest row."""
        return _shortened(targets)

    def loss(self) -> Loss:
        """Return the cross-entropy of a token, (batch, tokens), from logits; padding does not count."""

        def cross_entropy(tokens: Tensor, logits: Tensor) -> Tensor:
            counts = tf.cast(tokens != PADDING, logits.dtype)
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(tokens, tf.int32), logits)
            return tf.reduce_sum(each * counts) / tf.reduce_sum(counts)

        return cross_entropy

    def metrics(self) -> list[Metric]:
        """Return none: to find the likeliest of thousands of tokens costs a tenth of the training."""
        return []

    def outputs(self, answers: Tensor, metadata: ModelMetadata) -> Tensor:
        """Refuse to take logits, whose earlier tokens were given, for translations.

        Raises:
            ParamsError: always; only fine-tuning and cross-validation ask.
        """
        raise ParamsError(
            got="fine_tune or cross_validate for translation", do="write `fine_tune: null` and `cross_validate: null`",
        )  # fmt: skip


MODEL = TranslationModel()
