"""What every training run and every base model of `params.yaml` has."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

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


class Speed(Section):
    """What a training run uses of the hardware; `precision` is that of the arithmetic, weights stay float32."""

    gpus_per_worker: Annotated[int, Field(ge=0)]
    precision: Literal["float32", "bfloat16"]
    xla: bool
    accumulate: Positive
    steps_per_call: Positive
    warm_up_steps: Annotated[int, Field(ge=0)]


class Spread(Section):
    """Training runs over `workers` processes; `batch_size` and `learning_rate` are of all of them together."""

    workers: Positive
    speed: Speed


class Trained(Base, Spread):
    """A base model that is trained on the base data set."""

    fit: Fit

    @model_validator(mode="after")
    def _batches_divide(self) -> Self:
        require_whole_parts(self, {"fit": self.fit})
        return self


def require_whole_parts(spread: Spread, runs: dict[str, Fit]) -> None:
    """Make sure that each worker has an equal part of each batch, and each step of accumulation an equal part of that.

    Raises:
        ValueError: a batch is no multiple.
    """
    parts = spread.workers * spread.speed.accumulate
    for name, fit in runs.items():
        if fit.batch_size % parts:
            raise ValueError(
                f"{name}.batch_size: {fit.batch_size}, the batch of all workers together, is no multiple of "
                f"workers x speed.accumulate = {parts}; change one of them"
            )


class Taken(Base):
    """A base model whose weights come from a file or a package."""
