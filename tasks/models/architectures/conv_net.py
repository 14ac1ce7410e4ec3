"""A small convolutional network: 3x3 convolutions of stride 2, batch normalisation after each, one dense layer."""

from typing import Any

from tf_keras import Model, layers

# TensorFlow's default of .99 needs thousands of steps to forget its start; small data sets have hundreds.
BATCH_NORM_MOMENTUM = 0.9


def build(filters: list[int], shape: tuple[int, ...], num_classes: int) -> Any:
    """Build the network: normalised images (batch, *shape) of float32 in, logits (batch, num_classes) out.

    Each convolution halves height and width. With filters 16, 32, 48 and 28x28x1 images it has 26,650 parameters.
    The order convolution, batch normalisation, ReLU is what quantization-aware training can fold.
    """
    images = outputs = layers.Input(shape, name="image")
    for index, count in enumerate(filters):
        outputs = layers.Conv2D(count, 3, strides=2, padding="same", use_bias=False, name=f"conv_{index}")(outputs)
        outputs = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"batch_norm_{index}")(outputs)
        outputs = layers.ReLU(name=f"relu_{index}")(outputs)
    outputs = layers.Flatten(name="flatten")(outputs)
    return Model(images, layers.Dense(num_classes, name="logits")(outputs), name="conv_net")
