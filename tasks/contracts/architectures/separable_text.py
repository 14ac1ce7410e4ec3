"""The section `train` of a small network of separable convolutions over tokens."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import HalfOpenFraction, Positive
from tasks.contracts.training import Trained


class Train(Trained):
    """The base model, trained on the base data set."""

    tracked: Literal["requirements.lock"]
    width: Positive
    filters: Annotated[list[Positive], Field(min_length=1)]
    kernel: Positive
    dropout: HalfOpenFraction
