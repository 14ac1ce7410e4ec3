"""A small convolutional network: 3x3 convolutions of stride 2, batch normalisation after each, one dense layer."""

from typing import Any

from tf_keras import Model, layers

from tasks.contracts.architectures.conv_net import Train
from tasks.models.saving import Facts

# TensorFlow's default of .99 needs thousands of steps to forget its start; small data sets have hundreds.
BATCH_NORM_MOMENTUM = 0.9


def build(params: Train, facts: Facts) -> Any:
    """Build the network: normalised images (batch, *image_shape) of float32 in, logits (batch, classes) out.

    Each convolution halves height and width. With filters 16, 32, 48 and 28x28x1 images it has 26,650 parameters.
    The order convolution, batch normalisation, ReLU is what quantization-aware training can fold.
    """
    images = outputs = layers.Input(facts.image_shape, name="image")
    for index, count in enumerate(params.filters):
        outputs = layers.Conv2D(count, 3, strides=2, padding="same", use_bias=False, name=f"conv_{index}")(outputs)
        outputs = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"batch_norm_{index}")(outputs)
        outputs = layers.ReLU(name=f"relu_{index}")(outputs)
    outputs = layers.Flatten(name="flatten")(outputs)
    return Model(images, layers.Dense(len(facts.classes), name="logits")(outputs), name="conv_net")
