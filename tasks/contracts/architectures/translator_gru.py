"""The section `train` of a translator: an encoder of self-attention, a recurrent decoder that attends to it."""

from typing import Literal, Self

from pydantic import model_validator

from tasks.contracts.section import HalfOpenFraction, Positive
from tasks.contracts.training import Trained


class Train(Trained):
    """The base model, trained on the base data set."""

    tracked: Literal["requirements.lock"]
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
