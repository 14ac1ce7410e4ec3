"""The section `train` of a recurrent translator."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import HalfOpenFraction
from tasks.contracts.training import Trained


class Train(Trained):
    """The base model, trained on the base data set; half the width reads forwards, half backwards."""

    tracked: Literal["requirements.lock"]
    width: Annotated[int, Field(gt=0, multiple_of=2)]
    dropout: HalfOpenFraction
