"""Which outcomes no other beats in both size and accuracy."""

from collections.abc import Mapping

from tasks.compression.search.trial import Outcome


def front(outcomes: Mapping[int, Outcome]) -> list[int]:
    """Return the numbers of the outcomes that none is better than in one of zip bytes and drop, and as good in both."""
    points = {number: (outcome.zip_bytes, outcome.accuracy_drop) for number, outcome in outcomes.items()}
    return [
        number
        for number, (size, drop) in points.items()
        if not any(other != (size, drop) and other[0] <= size and other[1] <= drop for other in points.values())
    ]


def ranked(outcomes: Mapping[int, Outcome]) -> list[int]:
    """Return all numbers, those of the front first, then the front of the others, and so on; small files first."""
    left, order = dict(outcomes), list[int]()
    while left:
        best = sorted(front(left), key=lambda number: (left[number].zip_bytes, number))
        order += best
        left = {number: outcome for number, outcome in left.items() if number not in best}
    return order
