"""A small network for texts: embedded tokens, separable convolutions, the strongest answer of each filter.

Beside them a linear model of the tokens, if wanted ("wide and deep": Cheng and others 2016, arXiv:1606.07792).
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.core.params import HalfOpenFraction, Positive, Settings
from tasks.core.params.data import Preprocess
from tasks.core.params.training import Trained
from tasks.models.saving import ModelMetadata

SCORES_DROPOUT = 0.3  # of the tokens; a model of them alone learns the training texts by heart
LINEAR_TYPES = {
    "scores": "Embedding", "dropout_scores": "Dropout", "mean": "GlobalAveragePooling1D", "sum": "Rescaling",
    "both": "Add",
}  # fmt: skip

DEFAULTS: Settings = {
    "train": {
        "width": 64,
        "filters": [128],
        "kernel": 7,
        "dropout": 0.4,
        "fit": {"learning_rate": 2e-3, "patience": 5},
    },
    "compress": {"pruned_dynamic": {"steps": {"prune": {"layers": {"embedding": 0.8, "logits": 0.0}}}}},
    "steps": {"prune": {"fit": {"epochs": 8}}},
}


class Train(Trained):
    """The base model, separable convolutions over embedded tokens, trained on the base data set."""

    tracked: Literal["plan/train.json"] = Field(
        description="what DVC watches: nothing but the plan; the weights come from no file"
    )
    width: Positive = Field(64, description="numbers that stand for a token; nearly all weights are vocabulary x width")
    filters: Annotated[list[Positive], Field(min_length=1)] = Field([128], description="filters of each convolution")
    kernel: Positive = Field(7, description="tokens that a filter sees at once")
    dropout: HalfOpenFraction = Field(
        0.4, description="fraction of the embedding, and of the head's input, that is left out in training"
    )
    linear: bool = Field(
        False, description="adds a score of each token for each class, which helps where texts are few"
    )


def build(params: Train, metadata: ModelMetadata) -> Any:
    """Build the network: tokens (batch, max_tokens) of int32 in, logits (batch, classes) out.

    Nearly all of its weights are the embedding's, vocabulary x width: that is what has to be compressed.
    """
    from tasks.models.quiet_tensorflow import Model, layers

    tokens = layers.Input(metadata.data["inputs"]["tokens"]["shape"], dtype="int32", name="tokens")
    outputs = layers.Embedding(metadata.data["vocabulary"], params.width, name="embedding")(tokens)
    outputs = layers.Dropout(params.dropout, name="dropout_tokens")(outputs)
    for index, count in enumerate(params.filters):
        outputs = layers.SeparableConv1D(
            count, params.kernel, padding="same", activation="relu", name=f"separable_{index}"
        )(outputs)
    outputs = layers.GlobalMaxPooling1D(name="pooling")(outputs)
    outputs = layers.Dropout(params.dropout, name="dropout")(outputs)
    logits = layers.Dense(len(metadata.classes), name="logits")(outputs)
    if params.linear:
        logits = layers.Add(name="both")([logits, _linear(tokens, metadata.data["vocabulary"], len(metadata.classes))])
    return Model(tokens, logits, name="separable_text")


def _linear(tokens: Any, vocabulary: int, classes: int) -> Any:
    """Return (batch, classes): the sums of the tokens' scores."""
    from tasks.models.quiet_tensorflow import layers

    length = tokens.shape[1]
    scores = layers.Embedding(vocabulary, classes, embeddings_initializer="zeros", name="scores")(tokens)
    scores = layers.Dropout(SCORES_DROPOUT, noise_shape=(None, length, 1), name="dropout_scores")(scores)
    return layers.Rescaling(float(length), name="sum")(layers.GlobalAveragePooling1D(name="mean")(scores))


def layer_types(params: Train, preprocess: Preprocess) -> dict[str, str]:
    """Return the layers of the network, without TensorFlow."""
    types = {"tokens": "InputLayer", "embedding": "Embedding", "dropout_tokens": "Dropout"}
    types |= {f"separable_{index}": "SeparableConv1D" for index in range(len(params.filters))}
    types |= LINEAR_TYPES if params.linear else {}
    return types | {"pooling": "GlobalMaxPooling1D", "dropout": "Dropout", "logits": "Dense"}
