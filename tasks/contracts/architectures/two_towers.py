"""The section `train` of a recommender: a history and an item meet in a product of their vectors."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import HalfOpenFraction, Positive, Rate
from tasks.contracts.training import Trained


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

    tracked: Literal["requirements.lock"]
    recent: Positive
    width: Positive
    half_life: Rate
    dropout: HalfOpenFraction
    item_dropout: HalfOpenFraction
    rating_width: Annotated[int, Field(ge=1)]
    rating_dropout: HalfOpenFraction
