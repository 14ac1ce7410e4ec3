"""The section `train` of EfficientNet-Lite0 with weights from a package."""

from typing import ClassVar, Literal

from tasks.contracts.training import Taken


class Train(Taken):
    """The base model pretrained on ImageNet, with a new head."""

    FINISHED: ClassVar[bool] = False

    tracked: Literal["requirements.lock"]
