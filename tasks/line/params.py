"""`params.yaml` as one type, with its defaults: a short file becomes a complete one, a complete file a short one.

A value is looked up in the file, then in `DEFAULTS` of the architecture, of the kind, of this module, and last in the
field of its section. Mappings whose keys are settings are merged. Lists replace the default as a whole, and so do
mappings whose keys are free names (`WHOLE`).
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, create_model, model_validator

from tasks.core.params import Name, Section, Settings, Value, modules, one_of
from tasks.core.params.data import Ingest, PackageSource, Preprocess
from tasks.core.params.gates import Baseline, Compare, Evaluate, Release
from tasks.core.params.recipes import FLOAT_ARITHMETIC, Recipe
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
    return import_module(f"tasks.kinds.{name}") if name in modules("kinds") else None


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


# Keys whose mappings have free names (metrics, layers, columns), or are of one type or another: never merged.
WHOLE = frozenset({"at_least", "at_most", "max_drop", "max_relative_drop", "layers", "columns"}) | {
    "split_folders",
    "tokenizer",
}
OPTIONAL = frozenset({"fine_tune", "cross_validate", "search"})  # null leaves such a section out
TRAINING_STEPS = frozenset({"tune", "prune", "cluster", "quantize_aware"})
INHERITED = ("batch_size", "augment", "class_weights_from")  # every later training run has those of the first one
NO_SECTIONS = frozenset(
    {"fit", "steps", "compress", "preprocess"}
)  # of the defaults: these are applied inside sections

# `fit` is where every training run starts from, `steps` has the steps of recipes by name.
DEFAULTS: Settings = {
    "fit": {},
    "compress": FLOAT_ARITHMETIC,  # every kind can be exported so
    "steps": {
        "tune": {"fit": {"epochs": 3, "learning_rate": 3e-4}},
        "prune": {"fit": {"epochs": 6}},
        "cluster": {"fit": {"epochs": 3, "learning_rate": 2e-4}},
        "quantize_aware": {"fit": {"epochs": 2, "learning_rate": 3e-4}},
    },
    "fine_tune": {"head": {"epochs": 3, "learning_rate": 3e-3}, "all_layers": {"epochs": 8}},
    "cross_validate": {},
    "search": {},
}


@dataclass(frozen=True)
class Known:
    """The defaults that apply to one file.

    Attributes:
        values: the merged defaults, each optional section with the settings that it has where it is wanted.
        left_out: the optional sections that are null by default.
        trains_base: whether the architecture is trained, and not taken from a file or package.
    """

    values: Settings
    left_out: frozenset[str]
    trains_base: bool

    def part(self, name: str) -> Settings:
        """Return the defaults of one name, {} where there are none."""
        return _mapping(self.values.get(name))


def validated(raw: Value) -> Params:
    """Return the typed form of a parsed file, defaults filled in.

    Raises:
        ValidationError: with all problems at once.
    """
    return typed(*names_of(raw)).model_validate(completed(raw))


def names_of(raw: Value) -> tuple[str | None, str | None]:
    """Return the names of the kind and of the architecture, by default the kind's; None where there is none."""
    file = _mapping(raw)
    kind = file.get("kind")
    default = _mapping(_defaults(kind_settings(kind)).get("train")).get("architecture")
    architecture = _mapping(file.get("train")).get("architecture", default)
    return kind if isinstance(kind, str) else None, architecture if isinstance(architecture, str) else None


def known_defaults(kind: str | None, architecture: str | None, data: Value = "base") -> Known:
    """Return the defaults of a kind with an architecture.

    Without base data there is nothing to transfer from, so `fine_tune` is null unless the architecture asks for it.
    """
    module = architecture_settings(architecture)
    layers = [DEFAULTS, _defaults(kind_settings(kind)), _defaults(module)]
    values: Value = {}
    for layer in layers:
        values = merged(values, {name: value for name, value in layer.items() if value is not None})
    last = {name: [layer[name] for layer in layers if name in layer][-1] for name in OPTIONAL}
    left_out = {name for name, value in last.items() if value is None}
    if data == "target" and "fine_tune" not in layers[-1]:
        left_out.add("fine_tune")
    trains_base = module is not None and "fit" in module.Train.model_fields
    return Known(_mapping(values), frozenset(left_out), trains_base)


def completed(raw: Value) -> Value:
    """Return a parsed file with all defaults but those of fields; what is malformed stays, for validation to refuse."""
    if not isinstance(raw, dict):
        return raw
    known = known_defaults(*names_of(raw), _mapping(raw.get("train")).get("data"))
    file = raw | {name: _section(name, raw, known) for name in known.values if name not in NO_SECTIONS}
    if "preprocess" in raw:
        file["preprocess"] = _each(raw["preprocess"], lambda _, role: merged(known.part("preprocess"), role))
    file, first = _with_training_runs(file, known)
    if "compress" in raw:
        file["compress"] = _each(raw["compress"], lambda name, body: _recipe(name, body, known, first))
    return file


def merged(low: Value, high: Value, key: str = "") -> Value:
    """Return `low` as `high` changes it: mappings key by key unless their `key` is in `WHOLE`, all else as a whole."""
    if not isinstance(low, dict) or not isinstance(high, dict) or key in WHOLE:
        return deepcopy(high)
    changed = {name: merged(low.get(name), value, name) for name, value in high.items()}
    return {**deepcopy(low), **changed}


def _section(name: str, raw: Settings, known: Known) -> Value:
    if name in raw:
        return merged(known.values[name], raw[name])
    return None if name in known.left_out else deepcopy(known.values[name])


def _with_training_runs(file: Settings, known: Known) -> tuple[Settings, Settings]:
    """Return the sections with complete training runs, and what later runs have in common with the first."""
    first = known.part("fit")
    train, fine_tune, search = file.get("train"), file.get("fine_tune"), file.get("search")
    if known.trains_base:
        train = _with(train, "fit", first)
        first = _common(first, _mapping(train).get("fit"))
    fine_tune = _with(fine_tune, "head", first)
    if not known.trains_base:
        first = _common(first, _mapping(fine_tune).get("head"))
    fine_tune = _with(fine_tune, "all_layers", first)
    if isinstance(fine_tune, dict) and isinstance(fine_tune.get("last_layers"), dict):
        fine_tune["last_layers"] = _with(fine_tune["last_layers"], "fit", first)
    runs = {"train": train, "fine_tune": fine_tune, "search": _with(search, "fit", first)}
    return file | {name: value for name, value in runs.items() if name in file}, first


def _common(start: Settings, run: Value) -> Settings:
    return _mapping(merged(start, {key: value for key, value in _mapping(run).items() if key in INHERITED}))


def _with(section: Value, key: str, start: Settings) -> Value:
    return {**section, key: merged(start, section.get(key, {}))} if isinstance(section, dict) else section


def _recipe(name: str, body: Value, known: Known, first: Settings) -> Value:
    if not isinstance(body, dict):
        return body
    recipe = _mapping(merged(known.part("compress").get(name, {}), body))
    for part in recipe.keys() & {"steps", "finish"}:
        recipe[part] = _listed(recipe[part])
    if isinstance(steps := recipe.get("steps"), list):
        recipe["steps"] = [_step(step, known, first) for step in steps]
    return recipe


def _listed(steps: Value) -> Value:
    """Return steps as a list; a mapping has them by name, in their order."""
    if not isinstance(steps, dict):
        return steps
    return [{"step": name, **body} if isinstance(body, dict) else body for name, body in steps.items()]


def _step(step: Value, known: Known, first: Settings) -> Value:
    name = _mapping(step).get("step")
    if not isinstance(name, str) or name not in TRAINING_STEPS:
        return step
    return merged(merged({"fit": first}, known.part("steps").get(name, {})), step)


def _each(section: Value, change: Callable[[str, Value], Value]) -> Value:
    return {name: change(name, value) for name, value in section.items()} if isinstance(section, dict) else section


def _mapping(value: Value) -> Settings:
    return value if isinstance(value, dict) else {}


def _defaults(module: ModuleType | None) -> Settings:
    return vars(module).get("DEFAULTS", {}) if module else {}


def shortened(complete: Settings) -> Settings:
    """Return a file without every value that is equal to its default; it means the same.

    Args:
        complete: a valid file, complete or not.
    """
    meaning, short = _meaning(complete), deepcopy(complete)
    built_in = known_defaults(*names_of(complete)).part("compress")
    for name, recipe in _mapping(short.get("compress")).items():
        if name in built_in and isinstance(recipe, dict):
            _name_steps(recipe, short, meaning)
    _drop_defaults(short, short, meaning)
    return short


def _name_steps(recipe: Settings, file: Settings, meaning: Settings) -> None:
    """Write the steps of a built-in recipe as a mapping, which has to state only what differs, where that can be."""
    for part in recipe.keys() & {"steps", "finish"}:
        listed = recipe[part]
        if isinstance(listed, list):
            steps = [dict(_mapping(step)) for step in listed]
            recipe[part] = {str(step.pop("step", "")): step for step in steps}
            if _meaning_or_none(file) != meaning:
                recipe[part] = listed


def _drop_defaults(node: Value, file: Settings, meaning: Settings) -> None:
    """Drop each key below `node`, a part of `file`, without which the file means the same."""
    if isinstance(node, list):
        for each in node:
            _drop_defaults(each, file, meaning)
    if not isinstance(node, dict):
        return
    for key in list(node):
        before = node.copy()
        del node[key]
        if _meaning_or_none(file) != meaning:
            node.clear()
            node.update(before)  # in the order that it had
            _drop_defaults(node[key], file, meaning)


def _meaning(raw: Settings) -> Settings:
    found: Settings = validated(raw).model_dump(mode="json")
    return found


def _meaning_or_none(raw: Settings) -> Settings | None:
    try:
        return _meaning(raw)
    except ValidationError:
        return None


def from_0_1(complete: Settings) -> Settings:
    """Return a file of version 0.1, in which every key was mandatory, as a complete file of this version.

    A stage that watched `requirements.lock` now watches its own plan file, and `train.data` is new. A gate that the
    test rows could not decide was not passed.
    """
    file = deepcopy(complete)
    for role, section in _mapping(file.get("ingest")).items():
        if _mapping(section).get("tracked") == "requirements.lock":
            _mapping(section)["tracked"] = f"plan/ingest/{role}.json"
    train = _mapping(file.get("train"))
    if train.get("tracked") == "requirements.lock":
        train["tracked"] = "plan/train.json"
    train.setdefault("data", "base")
    _mapping(file.get("release")).setdefault("undecided", "refuse")  # as it did
    return file
