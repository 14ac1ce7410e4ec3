"""The types that the sections of `params.yaml` are made of."""

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

TASKS = Path(__file__).parents[2]

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Settings: TypeAlias = dict[str, "Value"]  # a parsed section, or defaults of one

Fraction = Annotated[float, Field(ge=0, le=1)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]
HalfOpenFraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Section(BaseModel):
    """A part of `params.yaml`: strict types, no unknown key, all problems at once; read-only."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


def modules(folder: str) -> list[str]:
    """Return the names of the modules and packages in a folder of `tasks/`: these are found by name."""
    paths = (TASKS / folder).glob("[a-z]*")
    return sorted(path.stem for path in paths if path.suffix == ".py" or path.is_dir())


def one_of(folder: str) -> AfterValidator:
    """Return a check that a name is that of a module or package in a folder of `tasks/`."""

    def check(name: str) -> str:
        if name not in (names := modules(folder)):
            raise ValueError(f"{name!r} is not one of {', '.join(names)}, the modules of tasks/{folder}")
        return name

    return AfterValidator(check)
