"""What every training run and every base model of `params.yaml` has."""

from typing import Annotated, ClassVar

from pydantic import Field

from tasks.contracts.section import Name, Positive, Rate, Section, Seed, one_of


class Augment(Section):
    """How training images differ from epoch to epoch; nothing of it is in the exported file."""

    max_shift: Annotated[int, Field(ge=0)]
    flip: bool


class Fit(Section):
    """One training run."""

    epochs: Positive
    batch_size: Positive
    learning_rate: Rate
    patience: Positive
    augment: Augment | None
    seed: Seed


class Base(Section):
    """The base model: its architecture, a module of `tasks/models/architectures`, and the file that DVC watches.

    Attributes:
        FINISHED: whether it is of use as it is; otherwise its head is new, and `fine_tune` has to train that.
    """

    FINISHED: ClassVar[bool] = True

    architecture: Annotated[Name, one_of("models/architectures")]
    tracked: str


class Trained(Base):
    """A base model that is trained on the base data set."""

    fit: Fit


class Taken(Base):
    """A base model whose weights come from a file or a package."""
