"""Numbers for people: with the digits that say something, whatever their size."""

SMALLEST, LARGEST = 5e-5, 1e12  # outside of these, four places after the point say nothing, or all digits too much


def written(value: float | None, places: int = 4, scale: float | None = None) -> str:
    """Write a number with so many places after the point, or by a power of ten where these would say nothing.

    Args:
        value: None where it is undefined.
        places: after the point.
        scale: a number beside which it stands, by default itself: next to 0.01, 1e-9 is 0.
    """
    if value is None:
        return "undefined"
    size = max(abs(value), abs(scale or 0.0))
    if value and not SMALLEST <= size < LARGEST:
        return f"{value:.4g}"
    return f"{round(value, places) + 0.0:,.{places}f}"  # no -0.0
