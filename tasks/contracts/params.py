"""`params.yaml` as types: one section per stage, strict, complete, without defaults."""

from importlib import import_module
from typing import Annotated, Any, Literal, Self

from pydantic import Field, create_model, model_validator

from tasks.contracts.ingesting import Ingest
from tasks.contracts.judging import Baseline, Compare, Evaluate, Release
from tasks.contracts.preprocessing import Preprocess
from tasks.contracts.recipes import Distillation, Recipe
from tasks.contracts.section import Fraction, Name, Positive, Rate, Section, Seed, modules, one_of
from tasks.contracts.training import Base, Fit, Spread, require_whole_parts

Role = Literal["base", "target"]


class Compute(Section):
    """What the bytes of a trained model depend on beside its inputs."""

    threads: Positive
    onednn: bool


class LastLayers(Section):
    """A training run of the last layers alone: those that have kernels are counted, the head among them."""

    layers: Annotated[int, Field(ge=2)]
    fit: Fit


class DataEfficiency(Section):
    """Transfer against training from scratch on parts of the training rows."""

    fractions: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once_and_growing(self) -> Self:
        for values in (self.fractions, self.seeds):
            if sorted(set(values)) != list(values):
                raise ValueError(f"{values}: name each once, the smallest first")
        return self


class FineTune(Spread):
    """The base model adapted to the target: the head first, then deeper layers at a low rate.

    `bottom_rate` is the learning rate of the first layer as a fraction of the head's; between them it falls
    geometrically from layer to layer (Howard and Ruder 2018, arXiv:1801.06146, whose gradual unfreezing this is, too).
    Layers whose names begin with one of `frozen` keep the base's weights, such as the lower blocks of a large encoder.
    """

    head: Fit
    last_layers: LastLayers | None
    all_layers: Fit
    bottom_rate: Annotated[float, Field(gt=0, le=1)]
    frozen: list[str]
    freeze_batch_norm: bool
    from_scratch_learning_rate: Rate
    data_efficiency: DataEfficiency | None

    @model_validator(mode="after")
    def _batches_divide(self) -> Self:
        deeper = {} if self.last_layers is None else {"last_layers.fit": self.last_layers.fit}
        require_whole_parts(self, {"head": self.head, **deeper, "all_layers": self.all_layers})
        return self


class CrossValidate(Section):
    """Fine-tuning measured on all rows of the target, a fold at a time."""

    folds: Annotated[int, Field(ge=2)]
    seed: Seed
    group: str | None
    workers: Positive


class Export(Section):
    """TFLite conversion."""

    calibration_rows: Positive
    seed: Seed


class Profile(Section):
    """Latency and memory of the exported file."""

    warm_up_runs: Positive
    runs: Positive


class Search(Section):
    """The search of `python -m tasks.search` for the recipe `searched`; null is no bound."""

    max_accuracy_drop: Fraction
    max_zip_bytes: Positive | None
    max_latency_us: Rate | None
    trials: Positive
    max_minutes: Rate | None
    generation: Positive
    workers: Positive
    seed: Seed
    distillation: Distillation | None
    fit: Fit

    @model_validator(mode="after")
    def _some_trials_at_once(self) -> Self:
        if self.generation < self.workers:
            raise ValueError(f"generation: {self.generation} leaves workers idle; make it {self.workers} or more")
        return self


class Report(Section):
    """What only the owner of the model knows; it goes into the model card."""

    name: str
    intended_use: str
    limits: str
    licence: str


class Params(Section):
    """The whole of `params.yaml`; `typed` gives it the sections of its kind and architecture."""

    kind: Annotated[Name, one_of("kinds")]
    compute: Compute
    ingest: dict[Role, Ingest]
    preprocess: dict[Role, Preprocess]
    baseline: Baseline
    train: Base
    fine_tune: FineTune | None
    cross_validate: CrossValidate | None
    compress: dict[Name, Recipe]
    export: Export
    evaluate: Evaluate
    profile: Profile
    search: Search | None
    release: Release
    compare: Compare
    report: Report

    @model_validator(mode="after")
    def _both_data_sets_and_a_float_recipe(self) -> Self:
        for section in ("ingest", "preprocess"):
            if missing := {"base", "target"} - set(getattr(self, section)):
                raise ValueError(f"{section} lacks {sorted(missing)}: both data sets are needed; they may be the same")
        for key in self.preprocess["base"].SHARED:
            values = {role: getattr(section, key) for role, section in self.preprocess.items()}
            if values["base"] != values["target"]:
                raise ValueError(f"{key} differs, base {values['base']} and target {values['target']}: make them equal")
        if not self.train.FINISHED and self.fine_tune is None:
            raise ValueError(
                f"fine_tune is null, but the head of {self.train.architecture} is new: give the section its two runs"
            )
        float32 = self.compress.get("float32")
        if float32 is None or float32.steps or float32.precision != "float32":
            raise ValueError(
                "compress lacks `float32: {steps: [], precision: float32}`, which every other is compared to"
            )
        return self


def typed(raw: Any) -> type[Params]:
    """Return the type of a whole file: the kind's module has `preprocess`, the architecture's has `train`.

    Where a name is unknown, that alone is complained of, and what depends on it is not looked at.

    Args:
        raw: the parsed file.
    """
    base = raw.get("train") if isinstance(raw, dict) else None
    kind = raw.get("kind") if isinstance(raw, dict) else None
    architecture = base.get("architecture") if isinstance(base, dict) else None
    preprocess: Any = Any
    train: Any = Base
    if kind in modules("kinds"):
        preprocess = import_module(f"tasks.kinds.{kind}.settings").Preprocess
    if architecture in modules("models/architectures"):
        train = import_module(f"tasks.models.architectures.{architecture}").Train
    return create_model("Params", __base__=Params, preprocess=(dict[Role, preprocess], ...), train=(train, ...))
