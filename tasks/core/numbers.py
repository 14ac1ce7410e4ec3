"""Numbers for people: with the digits that say something, whatever their size."""

SMALLEST, LARGEST = 5e-5, 1e12  # outside of these, four places after the point say nothing, or all digits too much


def written(value: float | None, places: int = 4) -> str:
    """Write a number with so many places after the point, or by a power of ten where these would say nothing."""
    if value is None:
        return "undefined"
    if value and not SMALLEST <= abs(value) < LARGEST:
        return f"{value:.4g}"
    return f"{value:,.{places}f}"
