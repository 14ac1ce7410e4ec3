"""The sections of `params.yaml` as types, one per stage, with the defaults that all kinds share."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tasks.core.params import Fraction, Positive, Rate, Section, Seed
from tasks.core.params.recipes import Distillation
from tasks.core.params.training import Fit, Spread, require_whole_parts


class Compute(Section):
    """Settings of TensorFlow's arithmetic: equal values give equal bytes of a trained model."""

    threads: Positive = Field(1, description="threads of each process; small networks do not run faster on more")
    onednn: bool = Field(True, description="whether TensorFlow uses its oneDNN kernels")


class LastLayers(Section):
    """A training run of the last layers alone, between the head and all layers."""

    layers: Annotated[int, Field(ge=2)] = Field(
        2, description="number of layers, counted from the end; only layers with kernels count, the head among them"
    )
    fit: Fit = Field(default_factory=Fit, description="the training run")


class DataEfficiency(Section):
    """Transfer against training from scratch on parts of the training rows; two trainings for each part and seed."""

    fractions: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)] = Field(
        default=[0.1, 0.3, 1.0], description="fractions of the training rows, the smallest first"
    )
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field(
        default=[0, 1, 2], description="seeds of the choice of rows, one training each"
    )

    @model_validator(mode="after")
    def _each_once_and_growing(self) -> Self:
        for values in (self.fractions, self.seeds):
            if sorted(set(values)) != list(values):
                raise ValueError(f"{values}: name each once, the smallest first")
        return self


class FineTune(Spread):
    """The base model adapted to the target: the head first, then deeper layers at a low rate.

    This is the gradual unfreezing of Howard and Ruder (2018, arXiv:1801.06146). null releases the base model itself.
    """

    head: Fit = Field(default_factory=Fit, description="first training run: the last layer alone")
    last_layers: LastLayers | None = Field(
        None, description="training run between the two others: the last layers; null for none"
    )
    all_layers: Fit = Field(default_factory=Fit, description="last training run: all layers, at a low rate")
    bottom_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="layer-wise learning rate decay: the first layer's rate as a fraction of the head's; rates fall "
        "geometrically from layer to layer. 1.0 is one rate for all (Howard and Ruder 2018)",
    )
    frozen: list[str] = Field(
        default_factory=list, description="beginnings of the names of layers that keep the weights of the base model"
    )
    freeze_batch_norm: bool = Field(
        True,
        description="keep the base's batch-norm statistics: better for few rows, and where target and base look alike",
    )
    from_scratch_learning_rate: Rate | None = Field(
        3e-3,
        description="learning rate of the comparison: the same network trained on the target alone, for as many steps; "
        "null for no comparison, which halves the time",
    )
    data_efficiency: DataEfficiency | None = Field(
        None, description="draws the curve of accuracy by number of rows, at its cost; null for none"
    )

    @model_validator(mode="after")
    def _batches_divide(self) -> Self:
        deeper = {} if self.last_layers is None else {"last_layers.fit": self.last_layers.fit}
        require_whole_parts(self, {"head": self.head, **deeper, "all_layers": self.all_layers})
        return self

    @model_validator(mode="after")
    def _a_curve_compares(self) -> Self:
        if self.data_efficiency is not None and self.from_scratch_learning_rate is None:
            raise ValueError(
                "data_efficiency: compares two starts; give from_scratch_learning_rate a number, or make it null"
            )
        return self


class CrossValidate(Section):
    """Cross-validation of fine-tuning: each row of the target is measured once; null for none."""

    folds: Annotated[int, Field(ge=2)] = Field(5, description="folds; each costs one fine-tuning")
    seed: Seed = Field(0, description="seed of the shuffling")
    group: str | None = Field(
        None, description="a column of the target, such as a writer, whose rows stay in one fold; null for none"
    )
    workers: Positive = Field(2, description="processes side by side; they do not change the result")


class Export(Section):
    """TFLite conversion."""

    calibration_rows: Positive = Field(
        200,
        description="training rows of the calibration set: they fix the ranges of an int8 file, and show that `slim`"
        " is lossless",
    )
    seed: Seed = Field(0, description="seed of the choice of these rows")


class Profile(Section):
    """Latency and memory of the exported file."""

    warm_up_runs: Positive = Field(50, description="inferences before timing begins")
    runs: Positive = Field(1000, description="timed inferences of one row, on one pinned thread")


class Search(Section):
    """The command `search`, which writes the recipe `searched`; images only, null elsewhere."""

    max_accuracy_drop: Fraction = Field(
        0.01,
        description="largest loss of accuracy: upper end of the paired interval, on half of the validation rows",
    )
    max_zip_bytes: Positive | None = Field(
        None, description="bytes of the zip, null for no bound; the smallest recipe inside all bounds is taken"
    )
    max_latency_us: Rate | None = Field(None, description="microseconds of one inference, null for no bound")
    trials: Positive = Field(16, description="recipes to try; each costs up to one training")
    max_minutes: Rate | None = Field(
        None,
        description="no new generation starts after so many minutes, null for no limit; equal runs may then differ",
    )
    generation: Positive = Field(4, description="trials chosen at once; half of them are trained to the end")
    workers: Positive = Field(2, description="processes side by side")
    seed: Seed = Field(0, description="seed of the search")
    distillation: Distillation | None = Field(
        default_factory=Distillation, description="distillation in every trial, null for none"
    )
    fit: Fit = Field(default_factory=Fit, description="the training run of a trial that is trained to the end")

    @model_validator(mode="after")
    def _some_trials_at_once(self) -> Self:
        if self.generation < self.workers:
            raise ValueError(f"generation: {self.generation} leaves workers idle; make it {self.workers} or more")
        return self


class Report(Section):
    """Statements of the model's owner for the model card."""

    name: str = Field("my_model", description="name of the model")
    intended_use: str = Field("Say here what the model is for.", description="what the model is for")
    limits: str = Field(
        "Say here what it must not be used for, and where its data come from.",
        description="what the model must not be used for, and where its data come from",
    )
    licence: str = Field(
        "Say here under which terms the model may be used.", description="terms of the model and of its data"
    )
