"""Settings of image classification: images with one class each."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tasks.core.params import Positive, Settings
from tasks.core.params import data as data_params
from tasks.core.params.gates import CLASSIFIER_METRICS
from tasks.core.params.recipes import FLOAT16, INTEGER_ARITHMETIC, QUANTIZATION_AWARE

METRICS = CLASSIFIER_METRICS
DEFAULTS: Settings = {
    "preprocess": {"format": "image_folder", "max_bad_fraction": 0.05},
    "baseline": {"max_rows": 5000},
    "train": {"architecture": "conv_net"},
    "fit": {"augment": {}},
    "compress": {**FLOAT16, **INTEGER_ARITHMETIC, **QUANTIZATION_AWARE},
    "steps": {"prune": {"sparsity": 0.6}},
    "export": {"calibration_rows": 500},
    "release": {
        "at_most": {"calibration_error": 0.1},
        "max_drop": {"accuracy": 0.03},
        "max_slice_drop": 0.2,
        "min_agreement": 0.85,
        "device": "phone_cpu",
    },
    "compare": {"max_drop": {"accuracy": 0.015}},
}


class Preprocess(data_params.Comparable):
    """From raw images to clean columns."""

    SHARED: ClassVar[tuple[str, ...]] = ("image_shape",)

    image_shape: Annotated[tuple[Positive, Positive, Literal[1, 3]], Field(strict=False)] = Field(  # YAML has lists
        (96, 96, 3), description="(height, width, channels) of the model's input; images of other sizes are resized"
    )
    value_max: Positive = Field(255, description="raw value of a pixel that means white")
