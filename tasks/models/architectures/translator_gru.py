"""A recurrent translator: the encoder reads both ways; one decoder attends, another knows what it attended to."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.core.params import HalfOpenFraction, Settings
from tasks.core.params.data import Preprocess
from tasks.core.params.training import Trained
from tasks.models.saving import ModelMetadata

# `tasks.models.translator` gives these names.
TYPES = {
    "source_tokens": "InputLayer", "rescaling": "Rescaling", "re_lu": "ReLU", "source": "Embedding",
    "dropout": "Dropout", "encoder": "Bidirectional", "memory_norm": "LayerNormalization",
    "rescaling_1": "Rescaling", "softmax": "Softmax", "dot": "Dot", "first_state": "Dense", "second_state": "Dense",
    "keys": "Dense", "previous_tokens": "InputLayer", "target": "Embedding", "dropout_1": "Dropout", "decoder": "GRU",
    "question": "Dense", "dot_1": "Dot", "rescaling_2": "Rescaling", "reshape": "Reshape", "add": "Add",
    "softmax_1": "Softmax", "dot_2": "Dot", "concatenate": "Concatenate", "dropout_2": "Dropout",
    "second_decoder": "GRU", "concatenate_1": "Concatenate", "mixed": "Dense", "dropout_3": "Dropout",
    "logits": "Dense",
}  # fmt: skip


DEFAULTS: Settings = {
    "train": {
        "width": 192,
        "dropout": 0.1,
        "fit": {"epochs": 4, "batch_size": 64, "learning_rate": 2e-3, "patience": 3},
    },
    "steps": {"prune": {"sparsity": 0.4, "fit": {"epochs": 1, "batch_size": 64, "learning_rate": 5e-4}}},
}


class Train(Trained):
    """The base model, a recurrent translator, trained on the base data set."""

    tracked: Literal["plan/train.json"] = Field(
        description="what DVC watches: nothing but the plan; the weights come from no file"
    )
    width: Annotated[int, Field(gt=0, multiple_of=2)] = Field(
        192, description="numbers that stand for a token, and of a decoder's state; half of them read each way"
    )
    dropout: HalfOpenFraction = Field(0.1, description="fraction of the numbers between layers left out in training")


def build(params: Train, metadata: ModelMetadata) -> Any:
    """Build the network that is trained; all sentences of a batch have as many tokens as the longest.

    It takes source tokens and the tokens before the wanted ones, (batch, tokens) of int32 each, and gives logits,
    (batch, tokens, vocabulary). See `tasks.models.translator` for its halves.
    """
    from tasks.models import translator
    from tasks.models.quiet_tensorflow import Model, layers

    vocabulary = metadata.data["vocabulary"]
    sizes = translator.Sizes(vocabulary["source"], vocabulary["target"], params.width, params.dropout)
    tokens, previous = (
        layers.Input((None,), dtype="int32", name=name) for name in ("source_tokens", "previous_tokens")
    )  # fmt: skip
    source = translator.encoded(_new, tokens, sizes)
    values = translator.embedded(_new, previous, sizes)
    logits, *_ = translator.answered(_new, values, source, sizes)
    return Model([tokens, previous], logits, name="translator_gru")


def layer_types(params: Train, preprocess: Preprocess) -> dict[str, str]:
    """Return the layers of the network, without TensorFlow."""
    return dict(TYPES)


def _new(name: str, make: Callable[..., Any]) -> Any:
    return make(name=name)
