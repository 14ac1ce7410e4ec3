"""The section `train` of a small convolutional network."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import Positive
from tasks.contracts.training import Trained


class Train(Trained):
    """The base model, trained on the base data set."""

    tracked: Literal["requirements.lock"]
    filters: Annotated[list[Positive], Field(min_length=1)]
