"""Settings of recommendation: who rated which item, how high, when."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.core.params import Positive, Settings
from tasks.core.params.data import Items, Place, Ratings, Records, TimeSplit
from tasks.core.params.recipes import PLAIN_PRECISIONS, SLIM_DYNAMIC

ROLES = ("user", "item", "rating")
METRICS = ("ndcg_at_10", "hit_rate_at_10", "rmse", "mae")
PRECISIONS = PLAIN_PRECISIONS
DEFAULTS: Settings = {
    "baseline": {"max_rows": 1_000_000},
    "train": {"architecture": "two_towers"},
    "fine_tune": None,
    "cross_validate": None,
    "compress": SLIM_DYNAMIC,
    "search": None,
    # As fractions: NDCG follows from how many items there are, RMSE from the scale of the ratings.
    "release": {"max_relative_drop": {"ndcg_at_10": 0.1, "rmse": 0.05}},
    "compare": {"max_relative_drop": {"ndcg_at_10": 0.1, "rmse": 0.05}},
}


class Preprocess(Records):
    """From ratings to clean columns."""

    SHARED: ClassVar[tuple[str, ...]] = ("rating", "min_count", "split")

    columns: dict[Literal["user", "item", "rating", "time"], Place] = Field(  # type: ignore[assignment]
        description="column of each role: its name in the file, or its number from 0; `time` holds numbers that grow "
        "or dates like 2024-05-31, and may be left out: see `split.order`"
    )
    split: TimeSplit = Field(default_factory=TimeSplit, description="training, validation and test rows, by time")
    rating: Ratings | None = Field(
        None, description="the scale of the ratings; null: from the lowest to the highest that `trimline schema` finds"
    )
    min_count: Positive = Field(
        5, description="training rows of an item; one with fewer is unknown and never recommended"
    )
    items: Items | None = Field(None, description="titles of the items, null where ids are enough")

    @property
    def shipped(self) -> tuple[str, ...]:
        """The file of titles."""
        return (self.items.file,) if self.items else ()

    @model_validator(mode="after")
    def _every_role_has_a_column(self) -> Self:
        if absent := [role for role in ROLES if role not in self.columns]:
            raise ValueError(
                f"columns lacks {', '.join(absent)}: name the column of each of {', '.join(ROLES)}, and of time"
            )
        return self
