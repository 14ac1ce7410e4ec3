"""The section `preprocess` of recommendation: who rated what, how, and when."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from tasks.contracts.ratings import Items, Ratings, TimeSplit
from tasks.contracts.records import Place, Records
from tasks.contracts.section import Positive

ROLES = ("user", "item", "rating", "time")


class Preprocess(Records):
    """From ratings to clean columns.

    Attributes:
        rating: the scale.
        min_count: training rows that an item has to have; one with fewer is unknown and never recommended.
        items: what items are called, null where ids are enough.
    """

    SHARED: ClassVar[tuple[str, ...]] = ("rating", "min_count", "split")

    columns: dict[Literal["user", "item", "rating", "time"], Place]  # type: ignore[assignment]
    split: TimeSplit
    rating: Ratings
    min_count: Positive
    items: Items | None

    @property
    def shipped(self) -> tuple[str, ...]:
        """The file of titles."""
        return (self.items.file,) if self.items else ()

    @model_validator(mode="after")
    def _every_role_has_a_column(self) -> Self:
        if absent := [role for role in ROLES if role not in self.columns]:
            raise ValueError(f"columns lacks {', '.join(absent)}: name the column of each of {', '.join(ROLES)}")
        return self
