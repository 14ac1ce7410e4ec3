"""The sections of `params.yaml` as types, one per stage, with the defaults that all kinds share."""

from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, create_model, model_validator

from tasks.contracts.ingesting import Ingest, PackageSource
from tasks.contracts.judging import Baseline, Compare, Evaluate, Release
from tasks.contracts.preprocessing import Preprocess
from tasks.contracts.recipes import Distillation, Recipe
from tasks.contracts.section import Fraction, Name, Positive, Rate, Section, Seed, modules, one_of
from tasks.contracts.training import Base, Fit, Spread, require_whole_parts

Role = Literal["base", "target"]


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
    from_scratch_learning_rate: Rate = Field(
        3e-3,
        description="learning rate of the comparison: the same network trained on the target alone, for as many steps",
    )
    data_efficiency: DataEfficiency | None = Field(
        None, description="draws the curve of accuracy by number of rows, at its cost; null for none"
    )

    @model_validator(mode="after")
    def _batches_divide(self) -> Self:
        deeper = {} if self.last_layers is None else {"last_layers.fit": self.last_layers.fit}
        require_whole_parts(self, {"head": self.head, **deeper, "all_layers": self.all_layers})
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


class Params(Section):
    """The whole of `params.yaml`; `typed` gives it the sections of its kind and architecture."""

    kind: Annotated[Name, one_of("kinds")] = Field(description="what the model does: a package of `tasks/kinds`")
    compute: Compute = Field(default_factory=Compute)
    ingest: dict[Role, Ingest] = Field(description="where the raw data come from, by role")
    preprocess: dict[Role, Preprocess] = Field(description="from raw files to clean columns, by role")
    baseline: Baseline = Field(default_factory=Baseline)
    train: Base
    fine_tune: FineTune | None = None
    cross_validate: CrossValidate | None = None
    compress: dict[Name, Recipe] = Field(description="recipes by name; `float32` is mandatory")
    export: Export = Field(default_factory=Export)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    profile: Profile = Field(default_factory=Profile)
    search: Search | None = None
    release: Release = Field(default_factory=Release)
    compare: Compare = Field(default_factory=Compare)
    report: Report = Field(default_factory=Report)

    @model_validator(mode="after")
    def _data_sets_fit_together(self) -> Self:
        for problem_of in (_wrong_roles, _wrong_plan_file, _unequal_data_sets):
            if problem := problem_of(self):
                raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _float32_is_there_and_every_head_is_trained(self) -> Self:
        if not self.train.FINISHED and self.fine_tune is None:
            raise ValueError(
                f"fine_tune is null, but the head of {self.train.architecture} is new: give the section its two runs"
            )
        float32 = self.compress.get("float32")
        if float32 is None or float32.steps or float32.precision != "float32":
            raise ValueError(
                "compress lacks `float32: {}`, the recipe without steps that every other recipe is compared to"
            )
        return self


def _wrong_roles(line: Params) -> str | None:
    roles = set(line.ingest)
    if roles != set(line.preprocess):
        return f"ingest has {sorted(roles)} and preprocess {sorted(line.preprocess)}: give both sections the same roles"
    if "target" not in roles:
        return "ingest and preprocess lack `target`: the data that the model is released for"
    if line.train.data not in roles:
        return "train.data is base, and ingest and preprocess lack `base`: add it to both, or write `data: target`"
    return None


def _wrong_plan_file(line: Params) -> str | None:
    for role, ingest in line.ingest.items():
        if isinstance(ingest, PackageSource) and ingest.tracked != f"plan/ingest/{role}.json":
            return f"ingest.{role}.tracked is {ingest.tracked}, of another role: write plan/ingest/{role}.json"
    return None


def _unequal_data_sets(line: Params) -> str | None:
    base, target = line.preprocess.get("base"), line.preprocess["target"]
    for key in target.SHARED if base else ():
        values = getattr(base, key), getattr(target, key)
        if values[0] != values[1]:
            return f"{key} differs, base {values[0]} and target {values[1]}: make them equal"
    return None


class _UnknownArchitecture(Base):
    """Any keys: what they may be depends on the architecture, and its name is wrong."""

    model_config = ConfigDict(extra="ignore")


def kind_settings(name: object) -> ModuleType | None:
    """Return the module of a kind's settings, None where there is no such kind."""
    return import_module(f"tasks.kinds.{name}.settings") if name in modules("kinds") else None


def architecture_settings(name: object) -> ModuleType | None:
    """Return the module of an architecture's settings, None where there is no such architecture."""
    return import_module(f"tasks.models.architectures.{name}") if name in modules("models/architectures") else None


@lru_cache(maxsize=64)
def typed(kind: str | None, architecture: str | None) -> type[Params]:
    """Return the type of a whole file: the kind's module has `preprocess`, the architecture's has `train`.

    Where a name is unknown, validation names that problem alone, and accepts anything in the section concerned.

    Args:
        kind, architecture: their names, as the file has them.
    """
    kind_module, architecture_module = kind_settings(kind), architecture_settings(architecture)
    preprocess: Any = kind_module.Preprocess if kind_module else Any
    train: Any = architecture_module.Train if architecture_module else _UnknownArchitecture
    return create_model("Params", __base__=Params, preprocess=(dict[Role, preprocess], ...), train=(train, ...))
