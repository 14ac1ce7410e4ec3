"""Which outcomes may keep the bounds, and which no other beats in both size and accuracy."""

from collections.abc import Mapping
from typing import TypeVar

from tasks.compression.search.trial import Outcome
from tasks.contracts.params import Search

Key = TypeVar("Key", int, str)


def is_within(outcome: Outcome, bounds: Search) -> bool:
    """Whether an outcome may keep the bounds, as far as the rows that choose can say: by its estimate."""
    small = bounds.max_zip_bytes is None or outcome.zip_bytes <= bounds.max_zip_bytes
    return small and outcome.accuracy_drop <= bounds.max_accuracy_drop


def front(outcomes: Mapping[Key, Outcome]) -> list[Key]:
    """Return the keys of the outcomes that none is better than in one of zip bytes and drop, and as good in both."""
    points = {key: (outcome.zip_bytes, outcome.accuracy_drop) for key, outcome in outcomes.items()}
    return [
        key
        for key, (size, drop) in points.items()
        if not any(other != (size, drop) and other[0] <= size and other[1] <= drop for other in points.values())
    ]


def ranked(outcomes: Mapping[int, Outcome], bounds: Search) -> list[int]:
    """Return the numbers by what more training may make of them.

    First those whose drop may lie inside the bound: the front of them, then the front of the others, and so on, small
    files first. Then those that it does not, even at the lower end of its interval.
    """
    hopeful = [number for number, one in outcomes.items() if one.accuracy_drop_interval[0] <= bounds.max_accuracy_drop]
    left = {number: outcomes[number] for number in hopeful}
    order: list[int] = []
    while left:
        best = sorted(front(left), key=lambda number: (left[number].zip_bytes, number))
        order += best
        left = {number: outcome for number, outcome in left.items() if number not in best}
    return order + sorted(set(outcomes) - set(order), key=lambda number: (outcomes[number].accuracy_drop, number))
