"""The section `train` of a small network of separable convolutions over tokens."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import HalfOpenFraction, Positive, Settings
from tasks.contracts.training import Trained

DEFAULTS: Settings = {
    "train": {
        "width": 64,
        "filters": [128],
        "kernel": 7,
        "dropout": 0.4,
        "fit": {"learning_rate": 2e-3, "patience": 5},
    },
    "compress": {"pruned_dynamic": {"steps": {"prune": {"layers": {"embedding": 0.8, "logits": 0.0}}}}},
    "steps": {"prune": {"fit": {"epochs": 8}}},
}


class Train(Trained):
    """The base model, trained on the base data set."""

    tracked: Literal["plan/train.json"]
    width: Positive
    filters: Annotated[list[Positive], Field(min_length=1)]
    kernel: Positive
    dropout: HalfOpenFraction
