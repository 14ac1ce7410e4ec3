"""Which recipe keeps the bound by more than luck: chosen on one half of the validation rows, confirmed on the other.

The smallest of many trials that look good on some rows looks better there than it is. So those that look good where
the choice is made are tested on rows that it has not seen, all at once: with intervals wide enough that, with the asked
confidence, none of them is wrong (Bonferroni). Of those that keep the bound the smallest is the choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tasks.compression.search.pareto import is_within
from tasks.compression.search.trial import Outcome
from tasks.contracts.params import Search
from tasks.metrics.paired import accuracy_drop

STRIDE = 2
CHOOSING, CONFIRMING = slice(0, None, STRIDE), slice(1, None, STRIDE)


@dataclass(frozen=True)
class Confirmation:
    """What the confirming rows say of a recipe.

    Attributes:
        accuracy_drop: against float32 on the same rows.
        accuracy_drop_interval: of it, paired, widened for the number of recipes that are tested.
        kept: whether the upper end of the interval is inside the bound.
    """

    accuracy_drop: float
    accuracy_drop_interval: list[float]
    kept: bool


def confirmed(
    outcomes: Mapping[str, Outcome], reference: list[bool], bounds: Search, confidence: float
) -> dict[str, Confirmation]:
    """Test every recipe that keeps the bounds on the choosing rows by its estimate.

    Args:
        outcomes: of the trials, by their names; their drops are those on the choosing rows.
        reference: which rows the float32 file gets right.
        bounds: of the drop and the size.
        confidence: that all of the intervals hold.
    """
    hopeful = {name: one for name, one in outcomes.items() if is_within(one, bounds)}
    before, widened = np.array(reference)[CONFIRMING], 1 - (1 - confidence) / max(len(hopeful), 1)
    tested = {}
    for name, one in hopeful.items():
        compared = accuracy_drop(before, np.array(one.right)[CONFIRMING], widened)
        upper = compared["accuracy_drop_interval"][1]
        tested[name] = Confirmation(**compared, kept=upper <= bounds.max_accuracy_drop)
    return tested
