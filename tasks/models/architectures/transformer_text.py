"""A small transformer for texts, normalised before each part (Xiong et al. 2020, arXiv:2002.04745)."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tasks.core.params import HalfOpenFraction, Positive, Settings
from tasks.core.params.data import Preprocess
from tasks.core.params.training import Trained
from tasks.models.saving import ModelMetadata

# What `is_token`, `positions` and `mean_of_tokens` add, for every architecture that has them.
MASK_TYPES = {"as_numbers": "Rescaling", "is_token": "ReLU", "column": "Reshape", "positions": "EinsumDense"}
BLOCK_TYPES = {
    "attention_norm": "LayerNormalization", "mask": "Reshape", "attention": "MultiHeadAttention",
    "attention_add": "Add", "norm": "LayerNormalization", "hidden": "Dense", "dropout": "Dropout", "output": "Dense",
    "add": "Add",
}  # fmt: skip
MEAN_TYPES = {"without_padding": "Rescaling", "weights": "Softmax", "mean": "Dot"}


DEFAULTS: Settings = {
    "train": {"width": 64, "blocks": 2, "heads": 4, "feed_forward": 128, "dropout": 0.1, "fit": {"patience": 5}},
    "compress": {"pruned_dynamic": {"steps": {"prune": {"layers": {"logits": 0.0}}}}},
}


class Train(Trained):
    """The base model, a small transformer, trained on the base data set."""

    tracked: Literal["plan/train.json"] = Field(
        description="what DVC watches: nothing but the plan; the weights come from no file"
    )
    width: Positive = Field(64, description="numbers that stand for a token; a multiple of `heads`")
    blocks: Positive = Field(2, description="blocks of attention and two dense layers")
    heads: Positive = Field(4, description="attention heads of a block, each of width / heads numbers")
    feed_forward: Positive = Field(128, description="units of a block's hidden dense layer")
    dropout: HalfOpenFraction = Field(
        0.1, description="fraction of tokens' numbers, attention and hidden units left out in training"
    )

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width: {self.width} is no multiple of heads: {self.heads}")
        return self


def build(params: Train, metadata: ModelMetadata) -> Any:
    """Build the network: tokens (batch, max_tokens) of int32 in, logits (batch, classes) out; token 0 is padding.

    The logits are of the mean over all tokens but the padding.
    """
    from tasks.models.quiet_tensorflow import Model, layers

    tokens = layers.Input(metadata.data["inputs"]["tokens"]["shape"], dtype="int32", name="tokens")
    mask = is_token(tokens)
    values = layers.Embedding(metadata.data["vocabulary"], params.width, name="embedding")(tokens)
    values = layers.Add(name="with_positions")([values, positions(mask, params.width)])
    values = layers.Dropout(params.dropout, name="dropout_tokens")(values)
    for index in range(params.blocks):
        values = _block(values, mask, params, f"block_{index}")
    values = layers.LayerNormalization(name="norm")(values)
    pooled = layers.Dropout(params.dropout, name="dropout")(mean_of_tokens(values, mask))
    return Model(tokens, layers.Dense(len(metadata.classes), name="logits")(pooled), name="transformer_text")


def _block(values: Any, mask: Any, params: Train, name: str) -> Any:
    from tasks.models.quiet_tensorflow import layers

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


def layer_types(params: Train, preprocess: Preprocess) -> dict[str, str]:
    """Return the layers of the network, without TensorFlow."""
    types = {"tokens": "InputLayer", **MASK_TYPES, "embedding": "Embedding", "with_positions": "Add"}
    types["dropout_tokens"] = "Dropout"
    for index in range(params.blocks):
        types |= {f"block_{index}_{part}": kind for part, kind in BLOCK_TYPES.items()}
    return types | {"norm": "LayerNormalization", **MEAN_TYPES, "dropout": "Dropout", "logits": "Dense"}


def is_token(tokens: Any) -> Any:
    """Return 1 for a token and 0 for padding, (batch, max_tokens) of float32.

    A mask that Keras passes on by itself would be lost at the first layer that TFMOT wraps.
    """
    from tasks.models.quiet_tensorflow import layers

    numbers = layers.Rescaling(1.0, name="as_numbers")(tokens)
    return layers.ReLU(max_value=1.0, name="is_token")(numbers)


def positions(mask: Any, width: int) -> Any:
    """Return a learned vector for each position, (batch, max_tokens, width): they are the bias of the layer."""
    from tasks.models.quiet_tensorflow import layers

    return layers.EinsumDense(
        "abc,cd->abd", output_shape=(mask.shape[1], width), bias_axes="bd", bias_initializer="normal", name="positions"
    )(layers.Reshape((mask.shape[1], 1), name="column")(mask))


def mean_of_tokens(values: Any, mask: Any) -> Any:
    """Return the mean of the tokens' vectors without the padding's, (batch, width); finite where all is padding."""
    from tasks.models.quiet_tensorflow import layers

    weights = layers.Softmax(name="weights")(layers.Rescaling(1e4, -1e4, name="without_padding")(mask))
    return layers.Dot(axes=1, name="mean")([weights, values])
