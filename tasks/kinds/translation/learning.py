"""What a translator learns: each token of the target from the source and the tokens before it."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.compression.equality import require_equal_translations
from tasks.compression.finish.slim import slim
from tasks.compression.signatures import with_first
from tasks.contracts.errors import ParamsError
from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.contracts.training import Augment
from tasks.data.columns import Dataset
from tasks.data.pieces import PADDING, START
from tasks.data.records import Array, Columns
from tasks.device.translating import ENCODE
from tasks.models import translating
from tasks.models.learning import refuse_augmentation
from tasks.models.plain_conversion import calibration, require_plain
from tasks.models.saving import Facts
from tasks.models.tflite_converter import to_tflite

INPUTS, TARGET, WATCHED = ("source_tokens", "target_tokens"), "target_tokens", "loss"
PRECISIONS = ("float32", "float16", "dynamic")
PROOF_ROWS = 10


def augmented(columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
    """Return the tokens of a batch as they are.

    Raises:
        ParamsError: they are to be moved or turned round, as images are.
    """
    refuse_augmentation(augment, "sentences")
    return columns


def lengths(targets: Array) -> Array:
    """Return by what rows are put together in batches, so that few tokens of one are padding, (rows,) of int."""
    counted: Array = (targets != PADDING).sum(axis=1)
    return counted


def fed(inputs: tuple[tf.Tensor, ...], facts: Facts) -> tuple[tf.Tensor, tf.Tensor]:
    """Return source tokens and the tokens before the wanted ones, each as long as its longest row."""
    source, target = map(_shortened, inputs)
    start = tf.fill((tf.shape(target)[0], 1), START)
    previous = tf.where(target == PADDING, PADDING, tf.concat([start, target[:, :-1]], axis=1))
    return source, previous


def targets(raw: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Return the wanted tokens, as long as the longest row."""
    return _shortened(raw)


def _shortened(tokens: tf.Tensor) -> tf.Tensor:
    longest = tf.reduce_max(tf.math.count_nonzero(tokens != PADDING, axis=1))
    return tokens[:, : tf.maximum(longest, 1)]


def loss() -> Any:
    """Return the cross-entropy of a token, (batch, tokens), from logits; padding does not count."""

    def cross_entropy(tokens: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        counts = tf.cast(tokens != PADDING, logits.dtype)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(tokens, tf.int32), logits)
        return tf.reduce_sum(each * counts) / tf.reduce_sum(counts)

    return cross_entropy


def metrics() -> list[Any]:
    """Return nothing beside the loss: to find the likeliest of thousands of tokens costs a tenth of the training."""
    return []


def outputs(raw: tf.Tensor, facts: Facts) -> tf.Tensor:
    """Refuse to take logits, whose earlier tokens were given, for translations.

    Raises:
        ParamsError: always; only fine-tuning and cross-validation ask.
    """
    raise ParamsError(
        got="fine_tune or cross_validate for translation", expected="null: a translation has to be searched for",
        do="write `fine_tune: null` and `cross_validate: null`",
    )  # fmt: skip


def exported(model: Any, facts: Facts, recipe: Recipe, data: Dataset, params: Export) -> bytes:
    """Convert a model to the file of a recipe, with the signatures `encode` and `decode_step`.

    Raises:
        ParamsError: the recipe asks for what only other files have.
    """
    require_plain(recipe)
    if recipe.precision not in PRECISIONS:
        raise ParamsError(
            got=f"precision: {recipe.precision} for translation",
            expected=f"{', '.join(PRECISIONS)}: states that go from step to step would be rounded at each of them",
            do="choose one of these",
        )
    rows = calibration(data, INPUTS[:1], params)["source_tokens"]
    content = converted(model, facts, recipe.precision)
    for _ in recipe.finish:
        before, content = content, slim(content)
        require_equal_translations(before, content, rows[:PROOF_ROWS])
    return content


def converted(model: Any, facts: Facts, precision: str) -> bytes:
    """Convert a translator to a file with two signatures; equal models give equal bytes."""
    (max_tokens,) = facts.data["inputs"]["source_tokens"]["shape"]
    tf_keras.backend.reset_uids()  # names of layers are in the file
    module = tf.Module()
    module.halves = translating.halves(model, max_tokens)
    calls = {half.name: _call(half) for half in module.halves}
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=calls)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder)), signature_keys=list(calls))
        return with_first(to_tflite(converter, precision), ENCODE)


def _call(half: Any) -> Any:
    specs = [tf.TensorSpec(given.shape, given.dtype, name=given.name) for given in half.inputs]
    return tf.function(lambda *inputs: half(list(inputs)), input_signature=specs)
