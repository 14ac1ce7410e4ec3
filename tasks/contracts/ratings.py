"""Settings of ratings: their scale, their split by time, and the titles of their items."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tasks.contracts.preprocessing import Split
from tasks.contracts.section import Fraction, Positive, Rate, Section


class TimeSplit(Split):
    """The last ratings of each user are the test rows, those before them validation, the rest training rows."""

    validation: Fraction = Field(0.1, description="fraction of each user's ratings, those before the test ratings")
    test: Fraction = Field(0.1, description="fraction of each user's ratings, the last ones")
    min_ratings: Positive = Field(10, description="ratings of a user; a user with fewer is used for training only")
    history: Annotated[int, Field(ge=2)] = Field(
        100, description="ratings before a row that the model sees as the user's history, the latest ones"
    )


class Ratings(Section):
    """The scale of the ratings, both ends allowed; 0 means that a rating is unknown, so all are above it."""

    min: Rate = Field(0.5, description="lowest rating; rows below it are quarantined")
    max: Rate = Field(5.0, description="highest rating; rows above it are quarantined")

    @model_validator(mode="after")
    def _some_are_different(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"min: {self.min:g} is not below max: {self.max:g}")
        return self


class Items(Section):
    """A CSV file with a header that lies beside the ratings, with the titles of the items."""

    file: str = Field(description="path of the file below the raw data")
    id: str = Field(description="column of the item's id")
    title: str = Field(description="column of the item's title")
