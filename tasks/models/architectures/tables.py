"""A dense network over numbers in piecewise-linear encoding with embedded categories.

The encoding (Gorishniy et al. 2022, arXiv:2203.05556) says of each bin how much of it lies below the number: 0, 1, or a
part. Its bounds are quantiles of the training rows, so it normalises whatever scale and skew a column has, is bounded,
and is the same in a file of int8 weights: it is made of a product, a sum and a clipping, which stay float.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from tasks.core.params import HalfOpenFraction, Positive, Settings
from tasks.core.params.data import Preprocess, Tables
from tasks.core.params.training import Trained
from tasks.data.records import Array
from tasks.data.tables import FEATURES, UNSEEN_INDEX
from tasks.models.saving import ModelMetadata

SCALED_BINS = "pieces"


DEFAULTS: Settings = {
    "train": {
        "bins": 32,
        "embedding": 8,
        "units": [128, 64],
        "dropout": 0.1,
        "fit": {"epochs": 25, "batch_size": 128, "learning_rate": 2e-3},
    },
    "steps": {"prune": {"fit": {"epochs": 12}}},
}


class Train(Trained):
    """The base model, a dense network over numbers and categories, trained on the base data set."""

    tracked: Literal["plan/train.json"] = Field(
        description="what DVC watches: nothing but the plan; the weights come from no file"
    )
    bins: Annotated[int, Field(ge=1, le=256)] = Field(
        32, description="bins that a number is encoded in, each with as many training rows; 4 are enough for 500 rows"
    )
    embedding: Positive = Field(8, description="numbers that stand for a category")
    units: Annotated[list[Positive], Field(min_length=1)] = Field([128, 64], description="units of each dense layer")
    dropout: HalfOpenFraction = Field(
        0.1, description="fraction of a dense layer's outputs left out in training; more where rows are few"
    )


def build(params: Train, metadata: ModelMetadata) -> Any:
    """Build the network: features (batch, features) of float32, as they are on disk, in; logits, or one number, out."""
    from tasks.models.quiet_tensorflow import Model, layers

    table = metadata.data["table"]
    (width,) = metadata.data["inputs"][FEATURES]["shape"]
    features = layers.Input((width,), name=FEATURES)
    column = layers.Reshape((width, 1), name="columns")(features)
    first_category = width - len(table["categorical"])
    parts = []
    if first_category:
        parts.append(_numbers(column, table, params.bins, width))
    for index, one in enumerate(table["categorical"], start=first_category):
        chosen = layers.Flatten(name=f"index_{one['name']}")(_cut(column, index, index + 1, width, one["name"]))
        embedding = layers.Embedding(rows_of(one), params.embedding, name=embedding_of(one))(chosen)
        parts.append(layers.Flatten(name=f"vector_{one['name']}")(embedding))
    outputs = layers.Concatenate(name="together")(parts) if len(parts) > 1 else parts[0]
    for index, units in enumerate(params.units):
        outputs = layers.Dense(units, activation="relu", name=f"dense_{index}")(outputs)
        outputs = layers.Dropout(params.dropout, name=f"dropout_{index}")(outputs)
    classes = metadata.data.get("classes")
    head = layers.Dense(len(classes), name="logits") if classes else layers.Dense(1, name="value")
    return Model(features, head(outputs), name="tables")


def layer_types(params: Train, preprocess: Preprocess) -> dict[str, str] | None:
    """Return the layers of the network, without TensorFlow; None for data that are no tables, or of unknown columns."""
    if not isinstance(preprocess, Tables) or not preprocess.is_complete:
        return None
    types = {FEATURES: "InputLayer", "columns": "Reshape", **_encoding_types(preprocess)}
    if len(preprocess.categories) + bool(preprocess.numbers) > 1:
        types["together"] = "Concatenate"
    for index in range(len(params.units)):
        types |= {f"dense_{index}": "Dense", f"dropout_{index}": "Dropout"}
    return types | {"value" if preprocess.TARGET_IS_NUMBER else "logits": "Dense"}


def _encoding_types(preprocess: Tables) -> dict[str, str]:
    parts = (["numbers"] if preprocess.numbers else []) + preprocess.categories
    types = {f"cut_{name}": "Cropping1D" for name in parts} if len(parts) > 1 else {}
    if preprocess.numbers:
        types |= {SCALED_BINS: "Rescaling", "clipped": "ReLU", "encoded": "Flatten"}
    for name in preprocess.categories:
        types |= {f"index_{name}": "Flatten", f"embedding_{name}": "Embedding", f"vector_{name}": "Flatten"}
    return types


def bin_scales(table: dict[str, Any], bins: int) -> tuple[Array, Array]:
    """Return the scale and offset of each number in each of its bins, (numbers and indicators, bins) of float32.

    A column of few different numbers has fewer bins, the others give nothing. An indicator has one bin, from 0 to 1.
    """
    edges = [_edges(column["quantiles"], bins) for column in table["numeric"]]
    edges += [np.array([0.0, 1.0]) for column in table["numeric"] if column["has_missing"]]
    scale, offset = np.zeros((2, len(edges), bins), np.float32)
    for row, bounds in enumerate(edges):
        widths = np.diff(bounds)
        scale[row, : len(widths)] = 1 / widths
        offset[row, : len(widths)] = -bounds[:-1] / widths
    return scale, offset


def rows_of(category: dict[str, Any]) -> int:
    """Return how many indices a categorical column has: its values, one for missing and one for unseen."""
    return len(category["values"]) + UNSEEN_INDEX + 1


def embedding_of(category: dict[str, Any]) -> str:
    """Return the name of a categorical column's layer."""
    return f"embedding_{category['name']}"


def _numbers(column: Any, table: dict[str, Any], bins: int, width: int) -> Any:
    from tasks.models.quiet_tensorflow import layers

    scale, offset = bin_scales(table, bins)
    cut = _cut(column, 0, len(scale), width, "numbers")
    moved = layers.Rescaling(scale.tolist(), offset.tolist(), name=SCALED_BINS)(cut)
    return layers.Flatten(name="encoded")(layers.ReLU(max_value=1.0, name="clipped")(moved))


def _cut(column: Any, start: int, end: int, width: int, name: str) -> Any:
    if start == 0 and end == width:
        return column
    from tasks.models.quiet_tensorflow import layers

    return layers.Cropping1D((start, width - end), name=f"cut_{name}")(column)


def _edges(quantiles: list[float], bins: int) -> Array:
    """Return the bounds of at most so many bins with as many training rows each."""
    places = np.linspace(0, len(quantiles) - 1, bins + 1).round().astype(int)
    return np.unique(np.array(quantiles, np.float64)[places])
