"""A translator: an encoder of self-attention, and a recurrent decoder whose attention comes after it (Luong 2015)."""

from collections.abc import Callable
from typing import Any

import tasks.models  # noqa: F401  # isort: skip  # starts TensorFlow quietly
from tf_keras import Model, layers

from tasks.contracts.architectures.translator_gru import Train
from tasks.models import translating
from tasks.models.saving import Facts
from tasks.models.translating import Sizes


def build(params: Train, facts: Facts) -> Any:
    """Build the network that is trained; all sentences of a batch have as many tokens as the longest.

    It takes source tokens, their positions, and the tokens before the wanted ones, (batch, tokens) of int32 each, and
    gives logits, (batch, tokens, vocabulary). See `tasks.models.translating` for its halves.
    """
    sizes = Sizes(
        facts.data["vocabulary"]["source"], facts.data["vocabulary"]["target"],
        facts.data["inputs"]["source_tokens"]["shape"][0], params.width, params.blocks, params.heads,
        params.feed_forward, params.dropout,
    )  # fmt: skip
    tokens, positions, previous = (
        layers.Input((None,), dtype="int32", name=name)
        for name in ("source_tokens", "source_positions", "previous_tokens")
    )  # fmt: skip
    source = translating.encoded(_new, tokens, positions, sizes)
    values = translating.embedded(_new, previous, sizes)
    decoder = layers.GRU(params.width, return_sequences=True, name="decoder")
    states = decoder(values, initial_state=source.state)
    logits = translating.answered(_new, values, states, source, sizes)
    return Model([tokens, positions, previous], logits, name="translator_gru")


def _new(name: str, make: Callable[..., Any]) -> Any:
    return make(name=name)
