"""The section `train` of a network for rows of numbers and categories."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import HalfOpenFraction, Positive, Settings
from tasks.contracts.training import Trained

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
    """The base model, trained on the base data set.

    Attributes:
        bins: that a number is encoded in, each with as many training rows.
        embedding: numbers that stand for a category.
        units: of each dense layer.
        dropout: fraction of a dense layer's outputs that are left out in training.
    """

    tracked: Literal["plan/train.json"]
    bins: Annotated[int, Field(ge=1, le=256)]
    embedding: Positive
    units: Annotated[list[Positive], Field(min_length=1)]
    dropout: HalfOpenFraction
