"""A translator: it reads forwards and backwards; a recurrent decoder attends, another knows what it attended to."""

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

    It takes source tokens and the tokens before the wanted ones, (batch, tokens) of int32 each, and gives logits,
    (batch, tokens, vocabulary). See `tasks.models.translating` for its halves.
    """
    vocabulary = facts.data["vocabulary"]
    sizes = Sizes(vocabulary["source"], vocabulary["target"], params.width, params.dropout)
    tokens, previous = (
        layers.Input((None,), dtype="int32", name=name) for name in ("source_tokens", "previous_tokens")
    )  # fmt: skip
    source = translating.encoded(_new, tokens, sizes)
    values = translating.embedded(_new, previous, sizes)
    logits, *_ = translating.answered(_new, values, source, sizes)
    return Model([tokens, previous], logits, name="translator_gru")


def _new(name: str, make: Callable[..., Any]) -> Any:
    return make(name=name)
