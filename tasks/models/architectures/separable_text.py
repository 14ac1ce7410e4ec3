"""A small network for texts: embedded tokens, separable convolutions, the strongest answer of each filter."""

from typing import Any

import tasks.models  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from tf_keras import Model, layers

from tasks.contracts.architectures.separable_text import Train
from tasks.models.saving import Facts


def build(params: Train, facts: Facts) -> Any:
    """Build the network: tokens (batch, max_tokens) of int32 in, logits (batch, classes) out.

    Nearly all of its weights are the embedding's, vocabulary x width: that is what has to be compressed.
    """
    tokens = layers.Input(facts.data["inputs"]["tokens"]["shape"], dtype="int32", name="tokens")
    outputs = layers.Embedding(facts.data["vocabulary"], params.width, name="embedding")(tokens)
    outputs = layers.Dropout(params.dropout, name="dropout_tokens")(outputs)
    for index, count in enumerate(params.filters):
        outputs = layers.SeparableConv1D(
            count, params.kernel, padding="same", activation="relu", name=f"separable_{index}"
        )(outputs)
    outputs = layers.GlobalMaxPooling1D(name="pooling")(outputs)
    outputs = layers.Dropout(params.dropout, name="dropout")(outputs)
    return Model(tokens, layers.Dense(len(facts.classes), name="logits")(outputs), name="separable_text")
