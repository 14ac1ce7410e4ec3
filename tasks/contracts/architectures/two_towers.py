"""The section `train` of a recommender: a history and an item meet in a product of their vectors."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import HalfOpenFraction, Positive, Rate, Settings
from tasks.contracts.training import Trained

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
    """The base model, trained on the base data set.

    Attributes:
        recent: how many of the newest items of a history rank the next one; ratings follow from the whole history.
        width: numbers that stand for an item in ranking.
        half_life: items after which a history's weight is half, to begin with; training changes the weights.
        dropout: fraction of a user's vector that is left out in training.
        item_dropout: fraction of a history's items that are left out in training.
        rating_width: numbers that stand for an item in rating.
        rating_dropout: fraction of the weights between rated items and the one in question left out in training.
    """

    tracked: Literal["plan/train.json"]
    recent: Positive
    width: Positive
    half_life: Rate
    dropout: HalfOpenFraction
    item_dropout: HalfOpenFraction
    rating_width: Annotated[int, Field(ge=1)]
    rating_dropout: HalfOpenFraction
