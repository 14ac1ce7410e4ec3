"""How many weights are zero, measured on the weights themselves: a schedule that never ended says nothing."""

from typing import Any

import numpy as np

from tasks.contracts.errors import StageError

TOLERANCE = 0.01


def sparsity_of(model: Any) -> float:
    """Return the fraction of zeros in the kernels of all Conv2D and Dense layers, wrapped for quantization or not."""
    kernels = [
        weight.numpy()
        for layer in model.layers
        for weight in layer.weights
        if weight.name.rsplit("/", 1)[-1].startswith("kernel:")
    ]
    return float(sum((kernel == 0).sum() for kernel in kernels) / sum(np.size(kernel) for kernel in kernels))


def require_sparsity(got: float, expected: float, where: str) -> None:
    """Refuse a model that is less sparse than was asked for.

    Raises:
        StageError: `got` is more than a hundredth under `expected`.
    """
    if got < expected - TOLERANCE:
        raise StageError(
            got=f"{where}: {got:.1%} of the weights are zero",
            expected=f"{expected:.1%}",
            do="give the recipe more epochs, so that its schedule ends",
        )
