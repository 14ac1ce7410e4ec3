"""MobileNetV2 of width 0.35 (Sandler et al. 2018, arXiv:1801.04381) with ImageNet's weights: 410,208, without the head.

The weights are a file of the user's own, an `.npz` whose keys are the names that Keras gives them.
"""

import zipfile
import zlib
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from tasks.core.errors import DataError
from tasks.core.params import Settings
from tasks.core.params.data import Preprocess
from tasks.core.params.training import Taken
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.models.pretrained import (
    fill,
    inverted_residual,
    inverted_residual_types,
    logits,
    normalised,
    relu6,
    require_colour,
)
from tasks.models.saving import ModelMetadata

# Trained on raw / 127.5 - 1; a whole mean has an exact int8 zero point, half a grey level beside it.
MEAN, STD = 127, 127.5
# Channels, how many blocks, the stride of the first: table 2 of the paper, at 0.35 of its channels, in eights.
STAGES = ((8, 1, 1), (8, 2, 2), (16, 3, 2), (24, 4, 2), (32, 3, 1), (56, 3, 2), (112, 1, 1))
EXPANSION, STEM, LAST = 6, 16, 1280
# Keras' names of a block's layers.
NAMES = {
    "expand": "expand", "expand_norm": "expand_BN", "depthwise": "depthwise", "depthwise_norm": "depthwise_BN",
    "project": "project", "project_norm": "project_BN",
}  # fmt: skip


DEFAULTS: Settings = {
    "fine_tune": {"bottom_rate": 0.1},
    "search": None,  # a trial of this network takes minutes
}


class Train(Taken):
    """The base model pretrained on ImageNet, with a new head."""

    FINISHED: ClassVar[bool] = False

    tracked: Annotated[str, Field(pattern=r"\.npz$")] = Field(
        description="path of the file of weights, which DVC watches; docs/how-to/pretrained.md says how to make it"
    )


def take(params: Train, base: Dataset, metadata: ModelMetadata) -> tuple[Any, ModelMetadata]:
    """Return the network with the weights of the file and a new head, and metadata with its own normalisation.

    Raises:
        ParamsError: the images are grey or too small.
        DataError: there is no such file, it is damaged, or it is of another network.
    """
    require_colour(metadata.image_shape, params.architecture)
    path = Path(params.tracked)
    weights = _weights(path)
    model = build(metadata.image_shape, len(metadata.classes))
    fill(model, weights, path)
    return model, metadata.normalised_by(MEAN, STD)


def build(shape: tuple[int, ...], num_classes: int) -> Any:
    """Build the network: normalised images (batch, *shape) of float32 in, logits (batch, num_classes) out."""
    from tasks.models.quiet_tensorflow import Model, layers

    images = layers.Input(shape, name="image")
    outputs = layers.Conv2D(STEM, 3, strides=2, padding="same", use_bias=False, name="Conv1")(images)
    outputs = relu6(normalised(outputs, "bn_Conv1"), "Conv1_relu")
    number = 0
    for channels, repeats, stride in STAGES:
        for index in range(repeats):
            outputs = inverted_residual(
                outputs, f"block_{number}_" if number else "expanded_conv_", NAMES, size=3, channels=channels,
                expansion=EXPANSION if number else 1, stride=1 if index else stride,
            )  # fmt: skip
            number += 1
    outputs = layers.Conv2D(LAST, 1, use_bias=False, name="Conv_1")(outputs)
    outputs = relu6(normalised(outputs, "Conv_1_bn"), "out_relu")
    return Model(images, logits(outputs, num_classes), name="mobilenet_v2_035")


def layer_types(params: Train, preprocess: Preprocess) -> dict[str, str]:
    """Return the layers of the network, without TensorFlow."""
    types = {"image": "InputLayer", "Conv1": "Conv2D", "bn_Conv1": "BatchNormalization", "Conv1_relu": "ReLU"}
    number, before = 0, STEM
    for channels, repeats, stride in STAGES:
        for index in range(repeats):
            prefix = f"block_{number}_" if number else "expanded_conv_"
            adds = (index > 0 or stride == 1) and channels == before
            types |= inverted_residual_types(prefix, NAMES, expands=number > 0, adds=adds)
            number, before = number + 1, channels
    types |= {"Conv_1": "Conv2D", "Conv_1_bn": "BatchNormalization", "out_relu": "ReLU"}
    return types | {"pool": "GlobalAveragePooling2D", "logits": "Dense"}


def _weights(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            got=f"{path}: {getattr(error, 'strerror', None) or error}",
            expected="an .npz file of arrays named as Keras names the weights, such as Conv1/kernel:0",
            do="correct train.tracked, or fetch the file again; docs/how-to/pretrained.md says how to make it",
        ) from None
