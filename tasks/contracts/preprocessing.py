"""Settings that the `preprocess` section of every kind has; each kind adds its own keys in its module `settings`."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.contracts.section import Fraction, Name, Positive, Section, Seed, one_of


class Split(Section):
    """Training, validation and test rows."""

    validation: Fraction | Literal["given"] = Field(
        0.1,
        description="fraction of the rows that choose weights and stop the training; `given` where the source names "
        "the split, such as by folders",
    )
    test: Fraction | Literal["given"] = Field(
        0.2, description="fraction of the rows that are only measured on, or `given`"
    )
    seed: Seed = Field(0, description="seed of the split")

    @model_validator(mode="after")
    def _leave_rows_to_train_on(self) -> Self:
        taken = sum(part for part in (self.validation, self.test) if not isinstance(part, str))
        if taken >= 1:
            raise ValueError(f"validation + test = {taken:g} leaves no rows to train on; keep it under 1")
        return self


class Preprocess(Section):
    """From raw files to clean columns.

    Attributes:
        SHARED: keys in which base and target have to agree.
    """

    SHARED: ClassVar[tuple[str, ...]] = ()

    format: Annotated[Name, one_of("data/formats")] = Field(
        "csv", description="format of the raw files: a module of `tasks/data/formats`"
    )
    split: Split = Field(default_factory=Split, description="training, validation and test rows")
    attributes: str | None = Field(
        None,
        description="a CSV file beside the raw data: the source of a row, then columns to slice or group by; null for "
        "none",
    )
    max_bad_fraction: Fraction = Field(
        0.01, description="fraction of the rows; when more are quarantined, the stage fails"
    )
    shard_rows: Positive = Field(10_000, description="rows per .npy file; bounds the memory of every stage")

    @property
    def shipped(self) -> tuple[str, ...]:
        """Raw files that hold no rows and lie in the assets when `fit` of the kind is called, which takes them."""
        return ()
