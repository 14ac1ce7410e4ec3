"""A recommender: the newest items of a history rank all items; all ratings of the history predict one of an item.

The user is the history and nothing else: nobody's own numbers are trained, and a new user needs no training.
"""

import math
from typing import Any

import tasks.models  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import numpy as np
from tf_keras import Model, initializers, layers

from tasks.contracts.architectures.two_towers import Train
from tasks.contracts.errors import ParamsError
from tasks.models.saving import Facts

FAR = 1e4  # is taken from the logarithm of a weight that has to be 0
PRIOR = -1.4  # logarithm of a rating's first weight: the answer without any ratings counts as much as four of them


def build(params: Train, facts: Facts) -> Any:
    """Build the network: history, history_ratings and item in, (batch, items + 2) out.

    That is the logit of an unknown item, those of the known ones in their order, and the predicted rating of `item`.

    Raises:
        ParamsError: more recent items are asked for than a history has.
    """
    length = facts.data["inputs"]["history"]["shape"][0]
    if params.recent > length:
        raise ParamsError(
            got=f"train.recent: {params.recent}", expected=f"at most the {length} items of a history", do="lower it"
        )
    history = layers.Input((length,), dtype="int32", name="history")
    ratings = layers.Input((length,), name="history_ratings")
    item = layers.Input((1,), dtype="int32", name="item")
    rating = facts.data["rating"]
    is_rated = layers.ReLU(max_value=1.0, name="is_rated")(
        layers.Rescaling(1 / rating["min"], name="in_least")(ratings)
    )
    above = layers.Multiply(name="above")([is_rated, layers.Rescaling(1.0, -rating["mean"], name="less_mean")(ratings)])
    items = len(facts.classes) + 1
    user = _user(history, above, items, params)
    logits = layers.Dense(items, name="logits")(layers.Dropout(params.dropout, name="dropout")(user))
    value = _rating(history, is_rated, above, item, items, rating["mean"], params)
    return Model([history, ratings, item], layers.Concatenate(name="answers")([logits, value]), name="two_towers")


def _user(history: Any, above: Any, items: int, params: Train) -> Any:
    """Return (batch, width): the newest items' vectors, each weighted by its age and, number by number, its rating."""
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
    hidden = layers.Rescaling(FAR, -FAR, name=f"{name}_hidden")(counts)
    logits = layers.Reshape((length, 1), name=f"{name}_logits")(layers.Add(name=f"{name}_counted")([weights, hidden]))
    shares = layers.Softmax(axis=1, name=f"{name}_shares")(layers.ZeroPadding1D((1, 0), name=f"{name}_or_none")(logits))
    shares = layers.Dropout(dropout, seed=0, name=f"{name}_shares_dropout")(shares)
    padded = layers.ZeroPadding1D((1, 0), name=f"{name}_values")(values)
    return layers.Dot((1, 1), name=f"{name}_mean")([shares, padded])


def _newest(column: Any, length: int, recent: int, name: str) -> Any:
    """Return the last of a column, (batch, recent, 1)."""
    upright = layers.Reshape((length, 1), name=f"{name}_upright")(column)
    return layers.Cropping1D((length - recent, 0), name=f"{name}_newest")(upright) if recent < length else upright
