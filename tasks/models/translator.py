"""The parts of a translator, by the names of their layers: put together to be trained, in two halves for a device.

Names such as `dot_1` are those that Keras gives in a new process; they stand here because they are in the files, which
must not depend on what the process built before.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from tf_keras import Model, initializers, layers

# Returns the layer of a name: a new one, made by the function, or the one that a model has.
Layer = Callable[[str, Callable[..., Any]], Any]

SCORE_OF_PADDING = 1e4
SPREAD_OF_TOKENS = 0.3
FIRST_STATES = ("first_state", "second_state")
RECURRENT = ("encoder", "decoder", "second_decoder")


class Encoded(NamedTuple):
    """A source sentence as the decoder attends to it.

    Attributes:
        memory: what a token means where it stands, (batch, tokens, width).
        keys: what is compared with the decoder's question, (batch, tokens, width).
        padding_scores: 0 for a token, far below it for padding, (batch, tokens).
        state: that the decoder's first part begins with, (batch, width).
        second_state: that its second part begins with, (batch, width).
    """

    memory: Any
    keys: Any
    padding_scores: Any
    state: Any
    second_state: Any


class Sizes(NamedTuple):
    """How large a translator is; `dropout` is of its training alone."""

    source_vocabulary: int
    target_vocabulary: int
    width: int
    dropout: float


def encoded(layer: Layer, tokens: Any, sizes: Sizes) -> Encoded:
    """Encode source tokens, (batch, tokens) of int32, read forwards and backwards."""
    width = sizes.width
    mask = layers.ReLU(max_value=1.0, name="re_lu")(layers.Rescaling(1.0, name="rescaling")(tokens))
    values = layer("source", partial(_embedding, sizes.source_vocabulary, width, mask_zero=True))(tokens)
    read = partial(layers.Bidirectional, layers.GRU(width // 2, return_sequences=True))
    values = layer("encoder", read)(layers.Dropout(sizes.dropout, name="dropout")(values))
    memory = layer("memory_norm", layers.LayerNormalization)(values)
    padding_scores = layers.Rescaling(SCORE_OF_PADDING, -SCORE_OF_PADDING, name="rescaling_1")(mask)
    mean = layers.Dot(axes=1, name="dot")([layers.Softmax(name="softmax")(padding_scores), memory])
    states = [layer(name, partial(layers.Dense, width, activation="tanh"))(mean) for name in FIRST_STATES]
    return Encoded(memory, layer("keys", partial(layers.Dense, width))(memory), padding_scores, *states)


def _embedding(tokens: int, width: int, **options: Any) -> Any:
    """Return vectors of tokens; Keras' own are so small at first that a GRU learns little from them for an epoch."""
    return layers.Embedding(tokens, width, initializers.RandomNormal(stddev=SPREAD_OF_TOKENS), **options)


def embedded(layer: Layer, previous: Any, sizes: Sizes) -> Any:
    """Return the embeddings of the tokens before those to predict, (batch, tokens, width)."""
    values = layer("target", partial(_embedding, sizes.target_vocabulary, sizes.width))(previous)
    return layers.Dropout(sizes.dropout, name="dropout_1")(values)


def answered(layer: Layer, values: Any, source: Encoded, sizes: Sizes) -> tuple[Any, ...]:
    """Return the logits of the next tokens, (batch, tokens, vocabulary), and both decoders' states.

    The first decoder's states, (batch, tokens, width), attend after they are computed (Luong et al. 2015,
    arXiv:1508.04025), so that in training all tokens do so at once; the second knows what was attended to before.
    """
    recurrent = partial(layers.GRU, sizes.width, return_sequences=True)
    states = layer("decoder", recurrent)(values, initial_state=source.state)
    question = layer("question", partial(layers.Dense, sizes.width))(states)
    alike = layers.Dot(axes=2, name="dot_1")([question, source.keys])
    scores = layers.Rescaling(sizes.width**-0.5, name="rescaling_2")(alike)
    padding = layers.Reshape((1, -1), name="reshape")(source.padding_scores)
    weights = layers.Softmax(name="softmax_1")(layers.Add(name="add")([scores, padding]))
    context = layers.Dot(axes=(2, 1), name="dot_2")([weights, source.memory])
    both = layers.Concatenate(name="concatenate")([states, context])
    both = layers.Dropout(sizes.dropout, name="dropout_2")(both)
    second_states = layer("second_decoder", recurrent)(both, initial_state=source.second_state)
    mixed = layers.Concatenate(name="concatenate_1")([second_states, context])
    mixed = layer("mixed", partial(layers.Dense, sizes.width, activation="tanh"))(mixed)
    mixed = layers.Dropout(sizes.dropout, name="dropout_3")(mixed)
    logits = layer("logits", partial(layers.Dense, sizes.target_vocabulary))(mixed)
    return logits, states, second_states


def halves(model: Any, max_tokens: int) -> tuple[Any, Any]:
    """Return two models of one row and one step that share the weights of a translator: see `tasks.tflite.translator`.

    The first takes source tokens, (1, max_tokens); the second a token, (1, 1), and what the first gives, with the
    states that go before the token. Both give dictionaries.
    """
    sizes = Sizes(0, 0, model.get_layer("keys").units, 0.0)  # the layers that have a name are there
    parts = {name: _unrolled(model.get_layer(name)) for name in RECURRENT}

    def layer(name: str, make: Callable[..., Any]) -> Any:
        return parts.get(name) or model.get_layer(name)

    tokens = layers.Input((max_tokens,), batch_size=1, dtype="int32", name="source_tokens")
    source = encoded(layer, tokens, sizes)
    encoder = Model(tokens, source._asdict(), name="encode")
    previous = layers.Input((1,), batch_size=1, dtype="int32", name="previous_token")
    held = Encoded(*(layers.Input(part.shape[1:], batch_size=1, name=name) for name, part in source._asdict().items()))
    logits, *states = answered(layer, embedded(layer, previous, sizes), held, sizes)
    for name, part in parts.items():
        part.set_weights(model.get_layer(name).get_weights())
    given = dict(zip(("logits", "state", "second_state"), map(layers.Flatten(), (logits, *states)), strict=True))
    return encoder, Model([previous, *held], given, name="decode_step")


def _unrolled(trained: Any) -> Any:
    """Return the same layer without a loop, which no file may have, and without weights."""
    config = trained.get_config()
    if not isinstance(trained, layers.Bidirectional):
        return layers.GRU.from_config(config | {"unroll": True})
    config["layer"]["config"]["unroll"] = True
    both = layers.Bidirectional.from_config(config)
    for one in (both.forward_layer, both.backward_layer):
        one.zero_output_for_mask = False  # without a loop Keras would put zeros for others than the padding
    return both
