"""The section `train` of MobileNetV2 with weights from a file."""

from typing import Annotated, ClassVar

from pydantic import Field

from tasks.contracts.training import Taken


class Train(Taken):
    """The base model pretrained on ImageNet, with a new head."""

    FINISHED: ClassVar[bool] = False

    tracked: Annotated[str, Field(pattern=r"\.npz$")]
