"""The section `train` of a pretrained MiniLM encoder."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import HalfOpenFraction, Seed
from tasks.contracts.training import Taken


class Train(Taken):
    """The base model with the weights of an installed package and a new last layer.

    Attributes:
        package: that ships all-MiniLM-L6-v2.
        path: in the package, of the `.safetensors` file.
        blocks: of the encoder that are used, from the first on; it has 6.
        dropout: before the last layer.
        seed: of the last layer.
    """

    tracked: Literal["requirements.lock"]
    package: str
    path: Annotated[str, Field(pattern=r"\.safetensors$")]
    blocks: Annotated[int, Field(ge=1, le=6)]
    dropout: HalfOpenFraction
    seed: Seed
