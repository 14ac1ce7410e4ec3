"""The parts of a translator, by the names of their layers: put together to be trained, in two halves for a device."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import tasks.models  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
from tf_keras import Model, layers

# Returns the layer of a name: a new one, made by the function, or the one that a model has.
Layer = Callable[[str, Callable[..., Any]], Any]

SCORE_OF_PADDING = 1e4


class Encoded(NamedTuple):
    """A source sentence as the decoder attends to it.

    Attributes:
        memory: what a token means where it stands, (batch, tokens, width).
        keys: what is compared with the decoder's question, (batch, tokens, width).
        padding_scores: 0 for a token, far below it for padding, (batch, tokens).
        state: that the decoder begins with, (batch, width).
    """

    memory: Any
    keys: Any
    padding_scores: Any
    state: Any


class Sizes(NamedTuple):
    """How large a translator is; `dropout` is of its training alone."""

    source_vocabulary: int
    target_vocabulary: int
    max_tokens: int
    width: int
    blocks: int
    heads: int
    feed_forward: int
    dropout: float


def encoded(layer: Layer, tokens: Any, positions: Any, sizes: Sizes) -> Encoded:
    """Encode source tokens, (batch, tokens) of int32, that stand at positions 0, 1, ..., (batch, tokens) of int32."""
    width = sizes.width
    mask = layers.ReLU(max_value=1.0)(layers.Rescaling(1.0)(tokens))
    values = layer("source", partial(layers.Embedding, sizes.source_vocabulary, width))(tokens)
    places = layer("positions", partial(layers.Embedding, sizes.max_tokens, width))(positions)
    values = layers.Dropout(sizes.dropout)(layers.Add()([values, places]))
    for index in range(sizes.blocks):
        values = _block(layer, values, mask, sizes, f"block_{index}")
    memory = layer("memory_norm", layers.LayerNormalization)(values)
    padding_scores = layers.Rescaling(SCORE_OF_PADDING, -SCORE_OF_PADDING)(mask)
    mean = layers.Dot(axes=1)([layers.Softmax()(padding_scores), memory])
    state = layer("first_state", partial(layers.Dense, width, activation="tanh"))(mean)
    return Encoded(memory, layer("keys", partial(layers.Dense, width))(memory), padding_scores, state)


def _block(layer: Layer, values: Any, mask: Any, sizes: Sizes, name: str) -> Any:
    width = sizes.width
    normal = layer(f"{name}_attention_norm", layers.LayerNormalization)(values)
    attention = layer(f"{name}_attention", partial(layers.MultiHeadAttention, sizes.heads, width // sizes.heads))
    found = attention(normal, normal, attention_mask=layers.Reshape((1, -1))(mask))
    values = layers.Add()([values, layers.Dropout(sizes.dropout)(found)])
    normal = layer(f"{name}_norm", layers.LayerNormalization)(values)
    hidden = layer(f"{name}_hidden", partial(layers.Dense, sizes.feed_forward, activation="relu"))(normal)
    found = layer(f"{name}_output", partial(layers.Dense, width))(hidden)
    return layers.Add()([values, layers.Dropout(sizes.dropout)(found)])


def embedded(layer: Layer, previous: Any, sizes: Sizes) -> Any:
    """Return what stands for the tokens before those that are asked for, (batch, tokens, width)."""
    values = layer("target", partial(layers.Embedding, sizes.target_vocabulary, sizes.width))(previous)
    return layers.Dropout(sizes.dropout)(values)


def answered(layer: Layer, values: Any, states: Any, source: Encoded, sizes: Sizes) -> Any:
    """Return the logits of the next tokens, (batch, tokens, vocabulary).

    The decoder's states, (batch, tokens, width), attend after they are computed (Luong et al. 2015, arXiv:1508.04025),
    so that in training all tokens do so at once.
    """
    question = layer("question", partial(layers.Dense, sizes.width))(states)
    scores = layers.Rescaling(sizes.width**-0.5)(layers.Dot(axes=2)([question, source.keys]))
    weights = layers.Softmax()(layers.Add()([scores, layers.Reshape((1, -1))(source.padding_scores)]))
    context = layers.Dot(axes=(2, 1))([weights, source.memory])
    mixed = layers.Concatenate()([states, context, values])
    mixed = layer("mixed", partial(layers.Dense, sizes.width, activation="tanh"))(mixed)
    return layer("logits", partial(layers.Dense, sizes.target_vocabulary))(layers.Dropout(sizes.dropout)(mixed))


def halves(model: Any, max_tokens: int) -> tuple[Any, Any]:
    """Return two models of one row and one step that share the weights of a translator: see `tasks.device.translating`.

    The first takes source tokens, (1, max_tokens); the second a token, (1, 1), and what the first gives, with the state
    that goes before the token. Both give dictionaries.
    """
    sizes = _sizes(model, max_tokens)
    tokens = layers.Input((max_tokens,), batch_size=1, dtype="int32", name="source_tokens")
    positions = tf.range(max_tokens)[tf.newaxis]
    source = encoded(lambda name, make: model.get_layer(name), tokens, positions, sizes)
    encoder = Model(tokens, source._asdict(), name="encode")
    previous = layers.Input((1,), batch_size=1, dtype="int32", name="previous_token")
    held = Encoded(*(layers.Input(part.shape[1:], batch_size=1, name=name) for name, part in source._asdict().items()))
    values = embedded(lambda name, make: model.get_layer(name), previous, sizes)
    trained = model.get_layer("decoder")
    step = layers.GRU.from_config(trained.get_config() | {"unroll": True, "name": "step"})
    states = step(values, initial_state=held.state)
    step.set_weights(trained.get_weights())
    logits = answered(lambda name, make: model.get_layer(name), values, states, held, sizes)
    given = {"logits": layers.Flatten()(logits), "state": layers.Flatten()(states)}
    return encoder, Model([previous, *held], given, name="decode_step")


def _sizes(model: Any, max_tokens: int) -> Sizes:
    """Return the sizes of a model that has its layers already: only what layers without names are made of counts."""
    names = [layer.name for layer in model.layers]
    blocks = sum(name.startswith("block_") and name.endswith("_attention") for name in names)
    return Sizes(0, 0, max_tokens, model.get_layer("keys").units, blocks, 1, 0, 0.0)
