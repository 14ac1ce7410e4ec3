"""Settings of image classification: images with one class each."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

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
        "max_drop": {"accuracy": 0.03, "calibration_error": 0.05},
        "max_slice_drop": 0.2,
        "device": "phone_cpu",
    },
    "compare": {"max_drop": {"accuracy": 0.015}},
}


Byte = Annotated[int, Field(ge=0, le=255)]


def _layout(text: str) -> str:
    words = text.split("/")
    counts = {word: words.count(word) for word in words}
    if counts.get("class") != 1 or counts.keys() - {"class", "split", "*", "**"}:
        raise ValueError(f"{text!r}: write class once, and around it split, * or **, such as split/class or */class")
    if max(counts.get("split", 0), counts.get("**", 0)) > 1:
        raise ValueError(f"{text!r}: write split and ** once at most")
    return text


class Preprocess(data_params.Comparable):
    """From raw images to clean columns."""

    SHARED: ClassVar[tuple[str, ...]] = ("image_shape",)

    image_shape: Annotated[tuple[Positive, Positive, Literal[1, 3]], Field(strict=False)] = Field(  # YAML has lists
        (96, 96, 3), description="(height, width, channels) of the model's input; images of other sizes are resized"
    )
    value_max: Positive = Field(
        255,
        description="raw value of a pixel that means white. Image files: above 255 it is that of files with 16 bits a "
        "channel (4095 for 12 bits in 16), and those with 8 bits have 255; otherwise 16 bits mean 65535",
    )
    ground: Annotated[tuple[Byte, Byte, Byte], Field(strict=False)] = Field(
        (255, 255, 255), description="(red, green, blue) to be seen where an image file is transparent"
    )
    max_pixels: Annotated[int, Field(gt=0, le=178_000_000)] = Field(  # Pillow itself refuses more than 178,956,970
        50_000_000,
        description="pixels of an image file; one with more is quarantined before any is decoded. Each takes about "
        "20 bytes of memory at most, in as many processes as preprocess has",
    )
    folders: Annotated[str, AfterValidator(_layout)] | None = Field(
        None,
        description="which folders above an image file name its class and its split, such as `split/class`: `*` is any "
        "folder, `**` any number of them, folders behind the last word are not looked at; null for `class` or "
        "`split/class`, and a refusal where the folders can be read in another way, too",
    )
    split_folders: dict[str, Literal["train", "validation", "test"] | None] = Field(
        default_factory=dict,
        description="split of a folder that has another name than train, training, validation, valid, val, dev, test "
        "or testing; null leaves its files out, and counts them",
    )
