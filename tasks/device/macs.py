"""How much an inference multiplies, from the shapes in a `.tflite` file."""

from math import prod

from tasks.compression.file import File, Weighted
from tasks.compression.signatures import parts


def macs(content: bytes) -> int:
    """Count the multiply-accumulates of one inference in convolutions, depthwise convolutions and dense layers.

    Everything else (activations, pooling, a softmax) is left out, as is usual, and so are products of two tensors
    neither of which is a constant.

    Args:
        content: of a file whose batch is one row; of one with several signatures each is run once.
    """
    files = [File(part) for part in parts(content)]
    return sum(_of(file, operator) for file in files for operator in file.weighted())


def _of(file: File, operator: Weighted) -> int:
    """Return the outputs of an operator times the inputs that each is summed over."""
    kernel = [int(size) for size in file.tensors[operator.kernel].shape]
    summed = kernel[1:3] if operator.kind == "depthwise" else kernel[1:]
    return prod(int(size) for size in file.tensors[operator.output].shape) * prod(summed)
