"""A small convolutional network: 3x3 convolutions of stride 2, batch normalisation after each, one dense layer."""

from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.core.params import Positive, Settings
from tasks.core.params.data import Preprocess
from tasks.core.params.training import Trained
from tasks.models.saving import ModelMetadata

# TensorFlow's default of .99 needs thousands of steps to forget its start; small data sets have hundreds.
BATCH_NORM_MOMENTUM = 0.9


DEFAULTS: Settings = {
    "train": {"filters": [16, 32, 48, 64, 64], "fit": {"epochs": 25, "learning_rate": 3e-3, "patience": 5}},
}


class Train(Trained):
    """The base model, a small convolutional network, trained on the base data set."""

    tracked: Literal["plan/train.json"] = Field(
        description="what DVC watches: nothing but the plan; the weights come from no file"
    )
    filters: Annotated[list[Positive], Field(min_length=1)] = Field(
        [16, 32, 48],
        description="filters of each convolution; each halves height and width, so sides of n pixels allow about "
        "log2(n) of them",
    )


def build(params: Train, metadata: ModelMetadata) -> Any:
    """Build the network: normalised images (batch, *image_shape) of float32 in, logits (batch, classes) out.

    Each convolution halves height and width. With filters 16, 32, 48 and 28x28x1 images it has 26,650 parameters.
    The order convolution, batch normalisation, ReLU is what quantization-aware training can fold.
    """
    from tasks.models.quiet_tensorflow import Model, layers

    images = outputs = layers.Input(metadata.image_shape, name="image")
    for index, count in enumerate(params.filters):
        outputs = layers.Conv2D(count, 3, strides=2, padding="same", use_bias=False, name=f"conv_{index}")(outputs)
        outputs = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"batch_norm_{index}")(outputs)
        outputs = layers.ReLU(name=f"relu_{index}")(outputs)
    outputs = layers.Flatten(name="flatten")(outputs)
    return Model(images, layers.Dense(len(metadata.classes), name="logits")(outputs), name="conv_net")


def layer_types(params: Train, preprocess: Preprocess) -> dict[str, str]:
    """Return the layers of the network, without TensorFlow."""
    types = {"image": "InputLayer"}
    for index in range(len(params.filters)):
        types |= {f"conv_{index}": "Conv2D", f"batch_norm_{index}": "BatchNormalization", f"relu_{index}": "ReLU"}
    return types | {"flatten": "Flatten", "logits": "Dense"}
