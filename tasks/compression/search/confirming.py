"""Which recipe keeps the bound by more than luck: chosen on one half of the validation rows, confirmed on the other.

The smallest of many trials that look good on some rows looks better there than it is. So the front is found on the rows
that choose, and tested on rows that no choice has seen, from its safest recipe to its smallest, until the first that
does not keep the bound. Of tests in an order that was fixed before, the chance that the last one to pass should not
have passed is that of a single test (Pareto testing: Laufer-Goldshtein et al. 2023, arXiv:2210.07913).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tasks.compression.search.pareto import front, is_within
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
        accuracy_drop_interval: of it, paired.
        kept: whether the upper end of the interval is inside the bound.
    """

    accuracy_drop: float
    accuracy_drop_interval: list[float]
    kept: bool


def confirmed(
    outcomes: Mapping[str, Outcome], reference: list[bool], bounds: Search, confidence: float
) -> dict[str, Confirmation]:
    """Test the front in its order, the safest first, and stop at the first recipe that breaks the bound.

    Args:
        outcomes: of the trials, by their names; their drops are those on the choosing rows.
        reference: which rows the float32 file gets right.
        bounds: what does not keep them on the choosing rows, by its estimate, is left out untested.
        confidence: of the intervals.

    Returns:
        The tested recipes in the order of the tests; the last one that is kept is the choice.
    """
    hopeful = {name: one for name, one in outcomes.items() if is_within(one, bounds)}
    tested: dict[str, Confirmation] = {}
    for name in sorted(front(hopeful), key=lambda name: (-hopeful[name].zip_bytes, name)):
        right = np.array(hopeful[name].right)
        compared = accuracy_drop(np.array(reference)[CONFIRMING], right[CONFIRMING], confidence)
        upper = compared["accuracy_drop_interval"][1]
        tested[name] = Confirmation(**compared, kept=upper <= bounds.max_accuracy_drop)
        if not tested[name].kept:
            break
    return tested
