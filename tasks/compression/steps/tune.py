"""More training and nothing else, so that a compressed model and its float parent compare at equal steps."""

from typing import Any

from tasks.compression.copies import copy_of
from tasks.compression.training import Training
from tasks.contracts.recipes import Tune
from tasks.models.fitting import History


def tune(model: Any, params: Tune, training: Training) -> tuple[Any, History]:
    """Return a copy of `model` after more training, and the history."""
    tuned = copy_of(model)
    return tuned, training.run(tuned, params)
