"""The section `train` of EfficientNet-Lite0 with weights from a package."""

from typing import ClassVar, Literal

from tasks.contracts.section import Settings
from tasks.contracts.training import Taken

DEFAULTS: Settings = {
    "fine_tune": {"bottom_rate": 0.1},
    "search": None,  # a trial of this network takes minutes
    "release": {"max_size_bytes": 20_000_000},
}


class Train(Taken):
    """The base model pretrained on ImageNet, with a new head."""

    FINISHED: ClassVar[bool] = False

    tracked: Literal["plan/train.json"]
