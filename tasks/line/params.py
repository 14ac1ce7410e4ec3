"""`params.yaml` as one type: the shared sections with those of its kind, its architecture."""

from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, create_model, model_validator

from tasks.core.params.data import Ingest, PackageSource, Preprocess
from tasks.core.params.gates import Baseline, Compare, Evaluate, Release
from tasks.core.params.recipes import Recipe
from tasks.core.params.section import Name, Section, modules, one_of
from tasks.core.params.sections import Compute, CrossValidate, Export, FineTune, Profile, Report, Search
from tasks.core.params.training import Base

Role = Literal["base", "target"]


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
