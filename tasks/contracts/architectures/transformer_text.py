"""The section `train` of a small transformer over tokens."""

from typing import Literal, Self

from pydantic import model_validator

from tasks.contracts.section import HalfOpenFraction, Positive, Settings
from tasks.contracts.training import Trained

DEFAULTS: Settings = {
    "train": {"width": 64, "blocks": 2, "heads": 4, "feed_forward": 128, "dropout": 0.1, "fit": {"patience": 5}},
    "compress": {"pruned_dynamic": {"steps": {"prune": {"layers": {"logits": 0.0}}}}},
}


class Train(Trained):
    """The base model, trained on the base data set."""

    tracked: Literal["plan/train.json"]
    width: Positive
    blocks: Positive
    heads: Positive
    feed_forward: Positive
    dropout: HalfOpenFraction

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width: {self.width} is no multiple of heads: {self.heads}")
        return self
