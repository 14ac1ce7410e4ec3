"""Settings of preprocessing that every kind has which reads records: rows of named or numbered columns."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from tasks.contracts.preprocessing import Preprocess
from tasks.contracts.section import Name

Place = str | Annotated[int, Field(ge=0)]


class Records(Preprocess):
    """From files of records to clean columns."""

    SHARED: ClassVar[tuple[str, ...]] = ()

    columns: Annotated[dict[Name, Place], Field(min_length=1)] = Field(
        description="column of each role: its name in the file, or its number from 0"
    )
    header: bool = Field(
        True, description="whether the first line of a .csv or .tsv file has the names; other formats always have them"
    )

    @model_validator(mode="after")
    def _names_need_a_header(self) -> Self:
        named = [place for place in self.columns.values() if isinstance(place, str)]
        if named and not self.header:
            raise ValueError(f"columns {named} are names, and header: false says that the files have none: number them")
        return self
