"""Which recipe keeps the bound by more than luck: chosen on one half of the validation rows, confirmed on the other.

The smallest of many trials that look good on some rows looks better there than it is. So the front is found on the rows
that choose, and tested on rows that no choice has seen, from its safest recipe to its smallest, until the first that
does not keep the bound. Of tests in an order that was fixed before, the chance that the last one to pass should not
have passed is that of a single test (Pareto testing: Laufer-Goldshtein et al. 2023, arXiv:2210.07913).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tasks.compression.search.pareto import front
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
        bounds: files over `max_zip_bytes` are left out untested.
        confidence: of the intervals.

    Returns:
        The tested recipes in the order of the tests; the last one that is kept is the choice.
    """
    small = {
        name: one for name, one in outcomes.items() if not bounds.max_zip_bytes or one.zip_bytes <= bounds.max_zip_bytes
    }
    tested: dict[str, Confirmation] = {}
    for name in sorted(front(small), key=lambda name: (-small[name].zip_bytes, name)):
        compared = accuracy_drop(
            np.array(reference)[CONFIRMING], np.array(small[name].right)[CONFIRMING], confidence
        )  # fmt: skip
        upper = compared["accuracy_drop_interval"][1]
        tested[name] = Confirmation(**compared, kept=upper <= bounds.max_accuracy_drop)
        if not tested[name].kept:
            break
    return tested
