"""A recommender: the newest items of a history rank all items; all ratings of the history predict one of an item.

The user is the history and nothing else: nobody's own numbers are trained, and a new user needs no training.
"""

import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from tasks.core.errors import ParamsError
from tasks.core.params import HalfOpenFraction, Positive, Rate, Settings
from tasks.core.params.data import Preprocess, TimeSplit
from tasks.core.params.training import Trained
from tasks.models.saving import ModelMetadata

FAR = 1e4  # is taken from the logarithm of a weight that has to be 0
PRIOR = -1.4  # logarithm of a rating's first weight: the answer without any ratings counts as much as four of them

INPUT_TYPES = {"history": "InputLayer", "history_ratings": "InputLayer", "item": "InputLayer"}
NEWEST_TYPES = {"history_newest": "Cropping1D", "above_newest": "Cropping1D"}
# The two averages, of vectors in ranking and of ratings, have the same layers.
AVERAGE_TYPES = {
    f"{name}_{part}": kind
    for name in ("ranking", "rating")
    for part, kind in {
        "hidden": "Rescaling", "counted": "Add", "logits": "Reshape", "or_none": "ZeroPadding1D",
        "shares": "Softmax", "shares_dropout": "Dropout", "values": "ZeroPadding1D", "mean": "Dot",
    }.items()
}  # fmt: skip
TYPES = {
    "in_least": "Rescaling", "is_rated": "ReLU", "less_mean": "Rescaling", "above": "Multiply",
    "history_upright": "Reshape", "newest": "Reshape", "as_number": "Rescaling", "is_known": "ReLU",
    "items": "Embedding", "above_upright": "Reshape", "liking": "Dense", "liked": "Multiply",
    "item_dropout": "Dropout", "recency": "Dense", "user": "Reshape", "dropout": "Dropout", "logits": "Dense",
    "rated_items": "Embedding", "item_biases": "Embedding", "biases": "Reshape", "expected": "Multiply",
    "less_expected": "Subtract", "surplus": "Reshape", "alike": "Dot", "telling": "Dense",
    "alike_and_telling": "Add", "rating_weights": "Reshape", "bias": "Reshape", "given": "Reshape",
    "bias_and_given": "Add", "rating": "Rescaling", "answers": "Concatenate",
}  # fmt: skip


DEFAULTS: Settings = {
    "train": {
        "recent": 30,
        "width": 192,
        "half_life": 1.5,
        "dropout": 0.5,
        "item_dropout": 0.3,
        "rating_width": 16,
        "rating_dropout": 0.3,
        "fit": {"epochs": 7, "batch_size": 256, "learning_rate": 7e-3},
    },
    # These layers are small, and what they do is lost with few of their weights.
    "compress": {
        "pruned_dynamic": {
            "steps": {
                "prune": {
                    "layers": {"liking": 0.0, "recency": 0.0, "item_biases": 0.0, "telling": 0.0, "rated_items": 0.0},
                },
            },
        },
    },
    "steps": {"prune": {"sparsity": 0.25, "fit": {"epochs": 2, "learning_rate": 2e-4}}},
}


class Train(Trained):
    """The base model, a recommender, trained on the base data set."""

    tracked: Literal["plan/train.json"] = Field(
        description="what DVC watches: nothing but the plan; the weights come from no file"
    )
    recent: Positive = Field(
        30, description="newest items of a history that rank the next one; ratings follow from the whole history"
    )
    width: Positive = Field(192, description="numbers that stand for an item in ranking")
    half_life: Rate = Field(
        1.5, description="items after which a history's weight is half, to begin with; training changes the weights"
    )
    dropout: HalfOpenFraction = Field(0.5, description="fraction of a user's vector left out in training")
    item_dropout: HalfOpenFraction = Field(0.3, description="fraction of a history's items left out in training")
    rating_width: Annotated[int, Field(ge=1)] = Field(16, description="numbers that stand for an item in rating")
    rating_dropout: HalfOpenFraction = Field(
        0.3, description="fraction of the weights between rated items and the one in question left out in training"
    )


def build(params: Train, metadata: ModelMetadata) -> Any:
    """Build the network: history, history_ratings and item in, (batch, items + 2) out.

    That is the logit of an unknown item, those of the known ones in their order, and the predicted rating of `item`.

    Raises:
        ParamsError: `recent` is larger than a history.
    """
    from tasks.models.quiet_tensorflow import Model, layers

    length = metadata.data["inputs"]["history"]["shape"][0]
    if params.recent > length:
        raise ParamsError(
            got=f"train.recent: {params.recent}", expected=f"at most the {length} items of a history", do="lower it"
        )
    history = layers.Input((length,), dtype="int32", name="history")
    ratings = layers.Input((length,), name="history_ratings")
    item = layers.Input((1,), dtype="int32", name="item")
    rating = metadata.data["rating"]
    is_rated = layers.ReLU(max_value=1.0, name="is_rated")(
        layers.Rescaling(1 / rating["min"], name="in_least")(ratings)
    )
    above = layers.Multiply(name="above")([is_rated, layers.Rescaling(1.0, -rating["mean"], name="less_mean")(ratings)])
    items = len(metadata.classes) + 1
    user = _user(history, above, items, params)
    logits = layers.Dense(items, name="logits")(layers.Dropout(params.dropout, name="dropout")(user))
    value = _rating(history, is_rated, above, item, items, rating["mean"], params)
    return Model([history, ratings, item], layers.Concatenate(name="answers")([logits, value]), name="two_towers")


def layer_types(params: Train, preprocess: Preprocess) -> dict[str, str] | None:
    """Return the layers of the network, without TensorFlow; None for data that have no histories."""
    if not isinstance(preprocess.split, TimeSplit):
        return None
    newest = NEWEST_TYPES if params.recent < preprocess.split.history else {}
    return INPUT_TYPES | newest | AVERAGE_TYPES | TYPES


def _user(history: Any, above: Any, items: int, params: Train) -> Any:
    """Return (batch, width): the newest items' vectors, each weighted by its age and, number by number, its rating."""
    from tasks.models.quiet_tensorflow import initializers, layers

    length, recent = history.shape[1], params.recent
    newest = layers.Reshape((recent,), name="newest")(_newest(history, length, recent, "history"))
    is_known = layers.ReLU(max_value=1.0, name="is_known")(layers.Rescaling(1.0, name="as_number")(newest))
    vectors = layers.Embedding(
        items, params.width, embeddings_initializer=initializers.RandomNormal(stddev=0.1, seed=0), name="items"
    )(newest)
    liked = layers.Dense(params.width, kernel_initializer="zeros", bias_initializer="ones", name="liking")(
        _newest(above, length, recent, "above")
    )
    vectors = layers.Multiply(name="liked")([vectors, liked])
    vectors = layers.Dropout(params.item_dropout, noise_shape=(None, recent, 1), seed=0, name="item_dropout")(vectors)
    ages = (recent - 1 - np.arange(recent)) * math.log(2) / params.half_life
    weights = layers.Dense(
        recent, kernel_initializer="zeros", bias_initializer=initializers.Constant((-ages).tolist()), name="recency"
    )(is_known)
    return layers.Reshape((params.width,), name="user")(_averaged(weights, is_known, vectors, recent, "ranking"))


def _rating(history: Any, is_rated: Any, above: Any, item: Any, items: int, mean: float, params: Train) -> Any:
    """Return (batch, 1): the mean, what the item has above it, and what the user gave above that to similar items."""
    from tasks.models.quiet_tensorflow import initializers, layers

    length, width = history.shape[1], params.rating_width
    vectors = layers.Embedding(items, width, name="rated_items")
    biases = layers.Embedding(items, 1, embeddings_initializer="zeros", name="item_biases")
    expected = layers.Multiply(name="expected")([is_rated, layers.Reshape((length,), name="biases")(biases(history))])
    surplus = layers.Reshape((length, 1), name="surplus")(layers.Subtract(name="less_expected")([above, expected]))
    keys = vectors(history)
    alike = layers.Dot((2, 2), name="alike")([keys, vectors(item)])
    own = layers.Dense(1, bias_initializer=initializers.Constant(PRIOR), name="telling")(keys)
    weights = layers.Reshape((length,), name="rating_weights")(layers.Add(name="alike_and_telling")([alike, own]))
    given = _averaged(weights, is_rated, surplus, length, "rating", params.rating_dropout)
    parts = [layers.Reshape((1,), name="bias")(biases(item)), layers.Reshape((1,), name="given")(given)]
    return layers.Rescaling(1.0, mean, name="rating")(layers.Add(name="bias_and_given")(parts))


def _averaged(weights: Any, counts: Any, values: Any, length: int, name: str, dropout: float = 0.0) -> Any:
    """Return the mean of values, (batch, length, n), and of one 0 beside them, which is the answer where none counts.

    Args:
        weights: logarithms of their weights, (batch, length); that of the 0 is 0.
        counts: 1 for those that count, 0 for the others, (batch, length).
        values: what is averaged.
        length: how many.
        name: of what it is for.
        dropout: of the weights.
    """
    from tasks.models.quiet_tensorflow import layers

    hidden = layers.Rescaling(FAR, -FAR, name=f"{name}_hidden")(counts)
    logits = layers.Reshape((length, 1), name=f"{name}_logits")(layers.Add(name=f"{name}_counted")([weights, hidden]))
    shares = layers.Softmax(axis=1, name=f"{name}_shares")(layers.ZeroPadding1D((1, 0), name=f"{name}_or_none")(logits))
    shares = layers.Dropout(dropout, seed=0, name=f"{name}_shares_dropout")(shares)
    padded = layers.ZeroPadding1D((1, 0), name=f"{name}_values")(values)
    return layers.Dot((1, 1), name=f"{name}_mean")([shares, padded])


def _newest(column: Any, length: int, recent: int, name: str) -> Any:
    """Return the last of a column, (batch, recent, 1)."""
    from tasks.models.quiet_tensorflow import layers

    upright = layers.Reshape((length, 1), name=f"{name}_upright")(column)
    return layers.Cropping1D((length - recent, 0), name=f"{name}_newest")(upright) if recent < length else upright
