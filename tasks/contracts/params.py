"""`params.yaml` as types: one section per stage, strict, complete, without defaults."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from tasks.contracts.judging import Compare, Evaluate, Release
from tasks.contracts.recipes import Distillation, Fit, Recipe
from tasks.contracts.section import Fraction, Name, Positive, Rate, Section, Seed, one_of

Role = Literal["base", "target"]


class Compute(Section):
    """What the bytes of a trained model depend on beside its inputs."""

    threads: Positive
    onednn: bool


class PackageSource(Section):
    """A data file inside an installed Python package."""

    source: Literal["package"]
    package: str
    path: str
    tracked: Literal["requirements.lock"]


class PathSource(Section):
    """A file, a folder or an archive (zip, tar) of the user's own."""

    source: Literal["path"]
    tracked: str


Ingest = Annotated[PackageSource | PathSource, Field(discriminator="source")]


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
    """From raw files to clean columns."""

    format: Annotated[Name, one_of("data/formats")]
    image_shape: Annotated[tuple[Positive, Positive, Literal[1, 3]], Field(strict=False)]  # YAML has lists
    value_max: Positive
    split: Split
    attributes: str | None
    max_bad_fraction: Fraction
    shard_rows: Positive


class Train(Section):
    """The base model, trained on the base data set."""

    architecture: Annotated[Name, one_of("models/architectures")]
    tracked: Literal["requirements.lock"]
    filters: Annotated[list[Positive], Field(min_length=1)]
    fit: Fit


class OwnModel(Section):
    """The base model from a file of the user's own, as it is."""

    architecture: Literal["own_file"]
    tracked: Annotated[str, Field(pattern=r"\.(h5|hdf5|keras)$")]
    mean: Annotated[int, Field(ge=0, le=255)]
    std: Rate


def _tag(section: Any) -> str:
    name = section.get("architecture") if isinstance(section, dict) else getattr(section, "architecture", None)
    return "own_file" if name == "own_file" else "conv_net"  # or any other module: they are found by name


MAPPING = {"conv_net": "#/$defs/Train", "own_file": "#/$defs/OwnModel"}
Base = Annotated[
    Annotated[Train, Tag("conv_net")] | Annotated[OwnModel, Tag("own_file")],
    Discriminator(_tag),
    Field(json_schema_extra={"discriminator": {"propertyName": "architecture", "mapping": MAPPING}}),
]


class FineTune(Section):
    """The base model adapted to the target: the head first, then all layers at a low rate."""

    head: Fit
    all_layers: Fit
    freeze_batch_norm: bool
    from_scratch_learning_rate: Rate


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
    """The whole of `params.yaml`."""

    kind: Annotated[Name, one_of("kinds")]
    compute: Compute
    ingest: dict[Role, Ingest]
    preprocess: dict[Role, Preprocess]
    train: Base
    fine_tune: FineTune | None
    cross_validate: CrossValidate
    compress: dict[Name, Recipe]
    export: Export
    evaluate: Evaluate
    profile: Profile
    search: Search
    release: Release
    compare: Compare
    report: Report

    @model_validator(mode="after")
    def _both_data_sets_and_a_float_recipe(self) -> Self:
        for section in ("ingest", "preprocess"):
            if missing := {"base", "target"} - set(getattr(self, section)):
                raise ValueError(f"{section} lacks {sorted(missing)}: both data sets are needed; they may be the same")
        shapes = {role: preprocess.image_shape for role, preprocess in self.preprocess.items()}
        if shapes["base"] != shapes["target"]:
            raise ValueError(
                f"image_shape differs, base {shapes['base']} and target {shapes['target']}: make them equal"
            )
        if isinstance(self.train, OwnModel) and self.fine_tune is not None:
            raise ValueError(
                "fine_tune is not null, but own_file is taken as it is: write `fine_tune: null` (a step `tune` trains)"
            )
        float32 = self.compress.get("float32")
        if float32 is None or float32.steps or float32.precision != "float32":
            raise ValueError(
                "compress lacks `float32: {steps: [], precision: float32}`, which every other is compared to"
            )
        return self
