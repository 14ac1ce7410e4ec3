"""What ratings are: their scale, how they are split by time, and what their items are called."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tasks.contracts.preprocessing import Split
from tasks.contracts.section import Fraction, Positive, Rate, Section


class TimeSplit(Split):
    """The last ratings of each user are measured on, those before them stop the training, the rest trains.

    Attributes:
        validation, test: fractions of each user's ratings.
        seed: changes nothing: the split follows from the times.
        min_ratings: a user with fewer trains alone.
        history: how many of a user's ratings before a row the model is told, the last ones.
    """

    validation: Fraction
    test: Fraction
    min_ratings: Positive
    history: Annotated[int, Field(ge=2)]


class Ratings(Section):
    """Which ratings are believed, both ends allowed; 0 says that a rating is not known, so all are above it."""

    min: Rate
    max: Rate

    @model_validator(mode="after")
    def _some_are_different(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"min: {self.min:g} is not below max: {self.max:g}")
        return self


class Items(Section):
    """A CSV file with a header that lies beside the ratings, and its columns of ids and titles."""

    file: str
    id: str
    title: str
