"""A small transformer for texts, normalised before each part (Xiong et al. 2020, arXiv:2002.04745)."""

from typing import Any

import tasks.models  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from tf_keras import Model, layers

from tasks.contracts.architectures.transformer_text import Train
from tasks.models.saving import Facts


def build(params: Train, facts: Facts) -> Any:
    """Build the network: tokens (batch, max_tokens) of int32 in, logits (batch, classes) out; token 0 is padding.

    The logits are of the mean over all tokens but the padding.
    """
    tokens = layers.Input(facts.data["inputs"]["tokens"]["shape"], dtype="int32", name="tokens")
    mask = is_token(tokens)
    values = layers.Embedding(facts.data["vocabulary"], params.width, name="embedding")(tokens)
    values = layers.Add(name="with_positions")([values, positions(mask, params.width)])
    values = layers.Dropout(params.dropout, name="dropout_tokens")(values)
    for index in range(params.blocks):
        values = _block(values, mask, params, f"block_{index}")
    values = layers.LayerNormalization(name="norm")(values)
    pooled = layers.Dropout(params.dropout, name="dropout")(mean_of_tokens(values, mask))
    return Model(tokens, layers.Dense(len(facts.classes), name="logits")(pooled), name="transformer_text")


def _block(values: Any, mask: Any, params: Train, name: str) -> Any:
    normal = layers.LayerNormalization(name=f"{name}_attention_norm")(values)
    attention = layers.MultiHeadAttention(
        params.heads, params.width // params.heads, dropout=params.dropout, name=f"{name}_attention"
    )
    keys = layers.Reshape((1, mask.shape[1]), name=f"{name}_mask")(mask)
    values = layers.Add(name=f"{name}_attention_add")([values, attention(normal, normal, attention_mask=keys)])
    normal = layers.LayerNormalization(name=f"{name}_norm")(values)
    hidden = layers.Dense(params.feed_forward, activation="relu", name=f"{name}_hidden")(normal)
    hidden = layers.Dropout(params.dropout, name=f"{name}_dropout")(hidden)
    return layers.Add(name=f"{name}_add")([values, layers.Dense(params.width, name=f"{name}_output")(hidden)])


def is_token(tokens: Any) -> Any:
    """Return 1 for a token and 0 for padding, (batch, max_tokens) of float32.

    A mask that Keras passes on by itself would be lost at the first layer that TFMOT wraps.
    """
    numbers = layers.Rescaling(1.0, name="as_numbers")(tokens)
    return layers.ReLU(max_value=1.0, name="is_token")(numbers)


def positions(mask: Any, width: int) -> Any:
    """Return a learned vector for each position, (batch, max_tokens, width): they are the bias of the layer."""
    return layers.EinsumDense(
        "abc,cd->abd", output_shape=(mask.shape[1], width), bias_axes="bd", bias_initializer="normal", name="positions"
    )(layers.Reshape((mask.shape[1], 1), name="column")(mask))


def mean_of_tokens(values: Any, mask: Any) -> Any:
    """Return the mean of the tokens' vectors without the padding's, (batch, width); finite where all is padding."""
    weights = layers.Softmax(name="weights")(layers.Rescaling(1e4, -1e4, name="without_padding")(mask))
    return layers.Dot(axes=1, name="mean")([weights, values])
