"""What the `preprocess` section of every kind has; each kind adds its own keys in its module `settings`."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import model_validator

from tasks.contracts.section import Fraction, Name, Positive, Section, Seed, one_of


class Split(Section):
    """Which rows train, which stop the training, which are only ever measured on."""

    validation: Fraction | Literal["given"]
    test: Fraction | Literal["given"]
    seed: Seed

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

    format: Annotated[Name, one_of("data/formats")]
    split: Split
    attributes: str | None
    max_bad_fraction: Fraction
    shard_rows: Positive

    @property
    def shipped(self) -> tuple[str, ...]:
        """Raw files that hold no rows and lie in the assets when `fit` of the kind is called, which takes them."""
        return ()
