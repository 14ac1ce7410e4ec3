"""The section `train` of a network for rows of numbers and categories."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import HalfOpenFraction, Positive
from tasks.contracts.training import Trained


class Train(Trained):
    """The base model, trained on the base data set.

    Attributes:
        bins: that a number is encoded in, each with as many training rows.
        embedding: numbers that stand for a category.
        units: of each dense layer.
        dropout: fraction of a dense layer's outputs that are left out in training.
    """

    tracked: Literal["requirements.lock"]
    bins: Annotated[int, Field(ge=1, le=256)]
    embedding: Positive
    units: Annotated[list[Positive], Field(min_length=1)]
    dropout: HalfOpenFraction
