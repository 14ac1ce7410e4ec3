"""The section `train` of a recurrent translator."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import HalfOpenFraction, Settings
from tasks.contracts.training import Trained

DEFAULTS: Settings = {
    "train": {
        "width": 192,
        "dropout": 0.1,
        "fit": {"epochs": 4, "batch_size": 64, "learning_rate": 2e-3, "patience": 3},
    },
    "steps": {"prune": {"sparsity": 0.4, "fit": {"epochs": 1, "batch_size": 64, "learning_rate": 5e-4}}},
}


class Train(Trained):
    """The base model, trained on the base data set; half the width reads forwards, half backwards."""

    tracked: Literal["plan/train.json"]
    width: Annotated[int, Field(gt=0, multiple_of=2)]
    dropout: HalfOpenFraction
