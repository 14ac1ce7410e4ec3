"""The section `preprocess` of images with one class each."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tasks.contracts import preprocessing
from tasks.contracts.section import Positive


class Preprocess(preprocessing.Preprocess):
    """From raw images to clean columns."""

    SHARED: ClassVar[tuple[str, ...]] = ("image_shape",)

    image_shape: Annotated[tuple[Positive, Positive, Literal[1, 3]], Field(strict=False)]  # YAML has lists
    value_max: Positive
