"""The section `train` of a trained network from a file of the user's own."""

from typing import Annotated

from pydantic import Field

from tasks.contracts.section import Rate, Settings
from tasks.contracts.training import Taken

DEFAULTS: Settings = {
    "train": {"mean": 0, "std": 255.0},
    "fine_tune": None,
}


class Train(Taken):
    """The base model from a file of the user's own."""

    tracked: Annotated[str, Field(pattern=r"\.(h5|hdf5|keras)$")]
    mean: Annotated[int, Field(ge=0, le=255)]
    std: Rate
