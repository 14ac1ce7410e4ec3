"""What a network in memory scores on the test split of a data set."""

from importlib import import_module
from typing import Any

from tasks.data.columns import Dataset
from tasks.models.batches import whole
from tasks.models.fitting import outputs
from tasks.models.saving import Facts


def headline(kind: str, network: Any, data: Dataset, facts: Facts) -> float:
    """Return the kind's primary metric."""
    truth = data.column("test", data.target).all()
    scores = import_module(f"tasks.kinds.{kind}.scores")
    return float(scores.headline(truth, outputs(network, whole(data, "test", facts), facts)))
