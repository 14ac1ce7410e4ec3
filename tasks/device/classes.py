"""A classifier's answer for people."""

from pathlib import Path

from tasks.data import classes
from tasks.data.records import Array

SHOWN = 3


def told(output: Array, assets: Path) -> str:
    """Return the likeliest classes of a row with their probabilities, the likeliest first."""
    pairs = sorted(zip(classes.read(assets), map(float, output), strict=True), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {probability:.1%}" for name, probability in pairs[:SHOWN])
