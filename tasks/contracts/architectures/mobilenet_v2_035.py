"""The section `train` of MobileNetV2 with weights from a file."""

from typing import Annotated, ClassVar

from pydantic import Field

from tasks.contracts.section import Settings
from tasks.contracts.training import Taken

DEFAULTS: Settings = {
    "fine_tune": {"bottom_rate": 0.1},
    "search": None,  # a trial of this network takes minutes
}


class Train(Taken):
    """The base model pretrained on ImageNet, with a new head."""

    FINISHED: ClassVar[bool] = False

    tracked: Annotated[str, Field(pattern=r"\.npz$")]
