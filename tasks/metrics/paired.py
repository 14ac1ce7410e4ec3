"""How much worse one model is than another on the same rows, with its interval."""

from typing import Any

import numpy as np
from scipy.special import ndtri

from tasks.data.records import Array


def accuracy_drop(reference: Array, own: Array, confidence: float) -> dict[str, Any]:
    """Compare which rows two models get right.

    The interval is Wald's for a difference of paired proportions with half a row added to each of the four cells
    (Agresti and Min 2005, Statistics in Medicine 24:729), which covers what it says also where few rows differ.

    Args:
        reference: which rows the reference gets right, (rows,) of bool.
        own: which rows the model gets right, (rows,) of bool.
        confidence: of the interval, such as 0.95.

    Returns:
        `accuracy_drop` (positive where the model is worse) and `accuracy_drop_interval`, as fractions.
    """
    lost, won = int(np.sum(reference & ~own)), int(np.sum(own & ~reference))
    rows = len(reference)
    middle = (lost - won) / (rows + 2)
    variance = ((lost + won + 1) / (rows + 2) - middle**2) / (rows + 2)
    half = float(ndtri((1 + confidence) / 2)) * float(np.sqrt(variance))
    return {"accuracy_drop": (lost - won) / rows, "accuracy_drop_interval": [middle - half, middle + half]}
