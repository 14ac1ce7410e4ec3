"""The section `train` of a small convolutional network."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import Positive, Settings
from tasks.contracts.training import Trained

DEFAULTS: Settings = {
    "train": {"filters": [16, 32, 48, 64, 64], "fit": {"epochs": 25, "learning_rate": 3e-3, "patience": 5}},
}


class Train(Trained):
    """The base model, trained on the base data set."""

    tracked: Literal["plan/train.json"]
    filters: Annotated[list[Positive], Field(min_length=1)]
