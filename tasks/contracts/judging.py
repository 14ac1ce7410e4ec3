"""The sections of `params.yaml` that say how a model is measured and what it has to pass."""

from typing import Annotated

from pydantic import Field

from tasks.contracts.section import Fraction, Name, OpenFraction, Positive, Rate, Section, Seed


class Slice(Section):
    """A part of the rows by a column of the data; without bounds, one part for each value."""

    column: Name
    at_least: float | None
    below: float | None


class Evaluate(Section):
    """Metrics of the exported file."""

    confidence: OpenFraction
    resamples: Annotated[int, Field(ge=100)]
    seed: Seed
    top_k: Annotated[int, Field(ge=2)]
    calibration_bins: Annotated[int, Field(ge=2)]
    slices: list[Slice]


class Baseline(Section):
    """Simple methods measured on the same rows as the network."""

    max_rows: Annotated[int, Field(ge=100)]
    seed: Seed


Bounds = dict[Name, Annotated[float, Field(allow_inf_nan=False)]]


class Release(Section):
    """The gates that a released model passes, each recipe held to all of them; null is no gate.

    Of a metric the end of its interval that is worse has to keep the bound: its lower end `at_least`, its upper end
    `at_most`, the upper end of the paired interval of what is lost against float32 `max_drop`.
    """

    max_size_bytes: Positive
    max_latency_us: Rate
    max_memory_bytes: Positive | None
    at_least: Bounds
    at_most: Bounds
    max_drop: Bounds
    max_slice_drop: Fraction
    min_slice_rows: Positive
    min_agreement: Fraction
    device: Name
    golden_rows: Positive


class Compare(Section):
    """The gates of `python -m tasks.compare CHAMPION CANDIDATE`, against the champion on the same rows."""

    max_drop: Bounds
    max_slice_drop: Fraction
    min_slice_rows: Positive
    max_size_growth: Annotated[float, Field(ge=0)]
    max_latency_growth: Annotated[float, Field(ge=0)]
    max_golden_difference: Fraction
