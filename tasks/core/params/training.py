"""Settings of training runs: epochs, rates, augmentation, workers."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.core.params import Name, Positive, Rate, Section, Seed, one_of


class Augment(Section):
    """Random changes to the training images of each epoch; nothing of it is in the exported file."""

    max_shift: Annotated[int, Field(ge=0)] = Field(
        4, description="pixels; an image is moved by up to this many in each direction"
    )
    flip: bool = Field(False, description="mirror half of the images left to right; wrong for digits and letters")


class Fit(Section):
    """One training run: Adam, with a learning rate that falls to 0 along a cosine."""

    epochs: Positive = Field(10, description="passes over the training rows, at most")
    batch_size: Positive = Field(
        32,
        description="rows per training step, of all workers together; later runs have that of the first run",
    )
    learning_rate: Rate = Field(1e-3, description="initial learning rate of Adam (Kingma and Ba 2015, arXiv:1412.6980)")
    patience: Positive = Field(
        1,
        description="epochs without a lower validation loss before training stops early. By default it never does; the "
        "weights with the lowest validation loss are restored in any case",
        json_schema_extra={"default_in_words": "as many as `epochs`"},
    )
    augment: Augment | None = Field(
        None,
        description="augmentation of images, null for none; later runs have that of the first run",
    )
    class_weights_from: Annotated[float, Field(gt=1)] | None = Field(
        5.0,
        description="rows of the largest class for each of the smallest, from which on rows count more in the loss the "
        "rarer their class is, by the root of that; null for never. Classes with fewer rows apart learn well without; "
        "later runs have that of the first run",
    )
    seed: Seed = Field(0, description="seed of the order of the rows, of augmentation and dropout")

    @model_validator(mode="before")
    @classmethod
    def _patience_lasts_to_the_end(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "patience" in given:
            return given
        epochs = given.get("epochs", cls.model_fields["epochs"].default)
        return {**given, "patience": epochs if type(epochs) is int and epochs > 0 else 1}


class Base(Section):
    """The base model.

    Attributes:
        FINISHED: whether it is of use as it is; otherwise its head is new, and `fine_tune` has to train that.
    """

    FINISHED: ClassVar[bool] = True

    architecture: Annotated[Name, one_of("models/architectures")] = Field(
        description="the network: a module of `tasks/models/architectures`"
    )
    tracked: str = Field(
        description="file that DVC watches for new weights; `plan/train.json` where the weights come from no file"
    )
    data: Literal["base", "target"] = Field(
        description="data set that the base model is trained on; without a section `ingest.base` it is `target`"
    )


class Speed(Section):
    """Use of the hardware by a training run."""

    gpus_per_worker: Annotated[int, Field(ge=0)] = Field(
        0, description="GPUs of each worker of a Ray cluster; 0 trains on the CPU, or on all local GPUs with one worker"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="type of the arithmetic; weights stay float32"
    )
    xla: bool = Field(False, description="compile training steps with XLA")
    accumulate: Positive = Field(
        1, description="gradient accumulation: parts that a batch is computed in, one after the other, to save memory"
    )
    steps_per_call: Positive = Field(
        1, description="training steps per call into TensorFlow (Keras `steps_per_execution`)"
    )
    warm_up_steps: Annotated[int, Field(ge=0)] = Field(
        0, description="steps in which the learning rate rises from 0 (Goyal et al. 2017, arXiv:1706.02677)"
    )


class Spread(Section):
    """Training runs over `workers` processes."""

    workers: Positive = Field(
        1, description="training processes; with more than one they train together by Ray, and `batch_size` is of all"
    )
    speed: Speed = Field(default_factory=Speed, description="use of the hardware")


class Trained(Base, Spread):
    """A base model that is trained on the data set `data`."""

    fit: Fit = Field(default_factory=Fit, description="the training run")

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
