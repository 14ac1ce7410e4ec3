"""Settings of preprocessing of tables: rows of numbers and categories with one target."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from tasks.contracts.records import Records
from tasks.contracts.section import Name


class Tables(Records):
    """From tables to clean columns: which roles of `columns` are numbers, which are categories, which is the target."""

    SHARED: ClassVar[tuple[str, ...]] = ("numeric", "categorical", "target")
    TARGET_IS_NUMBER: ClassVar[bool] = False

    numeric: list[Name] = Field(
        default_factory=list,
        description="roles that are numbers; a missing one is replaced by the median of the training rows, and the "
        "model sees that it was missing",
    )
    categorical: list[Name] = Field(
        default_factory=list,
        description="roles that are texts or numbers with few different values; unseen and missing ones have an index",
    )
    target: Name = Field(description="role that the model predicts; a row without it is quarantined")

    @model_validator(mode="after")
    def _every_column_has_one_role(self) -> Self:
        named = [*self.numeric, *self.categorical, self.target]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)}: name each column once in numeric, categorical and target")
        if len(named) < 2:
            raise ValueError("numeric and categorical are both empty: name what the model is fed")
        if absent := sorted(set(named) - set(self.columns)):
            raise ValueError(f"columns lacks {', '.join(absent)}, which numeric, categorical or target names")
        if unused := sorted(set(self.columns) - set(named)):
            raise ValueError(f"columns has {', '.join(unused)}, which is in none of numeric, categorical and target")
        return self
