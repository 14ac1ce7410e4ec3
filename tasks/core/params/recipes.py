"""Recipes of compression: training steps, a precision, a finish; the built-in ones are known by name.

Which of them a kind has depends on the precisions that it can be exported in; its module `settings` says so.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from tasks.core.params import HalfOpenFraction, OpenFraction, Positive, Rate, Section, Seed, Settings
from tasks.core.params.training import Fit

FLOAT_ARITHMETIC: Settings = {
    "float32": {"precision": "float32"},
    "dynamic": {"precision": "dynamic"},
    "pruned_dynamic": {"steps": {"prune": {}}, "precision": "dynamic", "finish": {"slim": {}}},
    "clustered_dynamic": {"steps": {"cluster": {}}, "precision": "dynamic", "finish": {"slim": {}}},
}
PLAIN_PRECISIONS = ("float32", "dynamic")  # of files that are fed raw numbers
FLOAT16: Settings = {"float16": {"precision": "float16"}}
INTEGER_ARITHMETIC: Settings = {
    "int8": {"precision": "int8"},
    "int16x8": {"precision": "int16x8"},
    "rounded_int8": {"precision": "int8", "finish": {"round_weights": {}, "slim": {}}},
    "pruned_int8": {"steps": {"prune": {}}, "precision": "int8", "finish": {"slim": {}}},
    "clustered_int8": {"steps": {"cluster": {}}, "precision": "int8", "finish": {"slim": {}}},
}
QUANTIZATION_AWARE: Settings = {
    "qat_int8": {"steps": {"quantize_aware": {}}, "precision": "int8"},
    "pruned_qat_int8": {"steps": {"prune": {}, "quantize_aware": {}}, "precision": "int8"},
    "clustered_qat_int8": {"steps": {"cluster": {}, "quantize_aware": {}}, "precision": "int8"},
    "pruned_clustered_qat_int8": {"steps": {"prune": {}, "cluster": {}, "quantize_aware": {}}, "precision": "int8"},
}
SLIM_DYNAMIC: Settings = {"dynamic": {"finish": {"slim": {}}}}


Clusters = Annotated[int, Field(ge=2, le=256)]
WeightStep = Annotated[float, Field(ge=0.1, le=4)]


class Distillation(Section):
    """Knowledge distillation from the float model (Hinton et al. 2015, arXiv:1503.02531)."""

    weight: Annotated[float, Field(gt=0, le=1)] = Field(
        0.9, description="weight of the teacher's loss; the labels' loss has the rest"
    )
    temperature: Rate = Field(3.0, description="temperature that softens both probability distributions")


class TrainingStep(Section):
    """Settings of every step that trains."""

    distillation: Distillation | None = Field(
        None, description="distillation from the float model, null for none; image and text classification only"
    )
    fit: Fit = Field(default_factory=Fit, description="the training run of this step")


class Tune(TrainingStep):
    """More training and nothing else: the control for what the training of another step gains by itself."""

    step: Literal["tune"] = Field(description="more training")


class Prune(TrainingStep):
    """Magnitude pruning (Zhu and Gupta 2017, arXiv:1710.01878)."""

    step: Literal["prune"] = Field(description="magnitude pruning")
    schedule: Literal["constant", "polynomial"] = Field(
        "polynomial", description="rise of the sparsity during training; `constant` prunes all at the first step"
    )
    sparsity: OpenFraction = Field(0.5, description="fraction of each kernel's weights that become zero")
    layers: dict[str, HalfOpenFraction] = Field(
        default_factory=dict,
        description="another sparsity for single layers by name; 0 leaves one dense. Replaced as a whole",
    )
    pattern: Literal["unstructured", "2_of_4", "block_1x4", "block_4x4"] = Field(
        "unstructured",
        description="`2_of_4` keeps the two largest of each four weights; `block_1x4` and `block_4x4` prune blocks "
        "of dense layers, and convolutions without a pattern",
    )

    @model_validator(mode="after")
    def _two_of_four_is_a_half(self) -> Self:
        if self.pattern == "2_of_4" and (self.sparsity != 0.5 or any(self.layers.values())):
            raise ValueError("2_of_4 makes half of the weights zero: set sparsity: 0.5, and layers to 0 or not at all")
        return self


class ReEstimateBatchNorm(Section):
    """Batch-norm statistics measured again on training rows, after the weights have changed; nothing is trained."""

    step: Literal["re_estimate_batch_norm"] = Field(description="new statistics of batch normalization")
    rows: Positive = Field(1000, description="training rows that the statistics are measured on")
    seed: Seed = Field(0, description="seed of the choice of these rows")


class Cluster(TrainingStep):
    """Weight clustering: each kernel, or each output channel of a convolution, has `clusters` different values."""

    step: Literal["cluster"] = Field(description="weight clustering (Han et al. 2016, arXiv:1510.00149)")
    clusters: Clusters = Field(16, description="different values of each kernel")
    layers: dict[str, Clusters] = Field(
        default_factory=dict, description="another number for single layers by name; replaced as a whole"
    )
    per_channel: bool = Field(False, description="whether each output channel of a convolution has its own values")
    preserve_sparsity: bool = Field(
        False, description="keep zeros zero", json_schema_extra={"default_in_words": "`true` after a prune step"}
    )

    @model_validator(mode="after")
    def _zero_and_both_signs(self) -> Self:
        if self.preserve_sparsity and min(self.clusters, *self.layers.values(), 256) < 3:
            raise ValueError("with preserve_sparsity one cluster is zero: ask for 3 clusters at least")
        return self


class QuantizeAware(TrainingStep):
    """Quantization-aware training, int8 per channel (Jacob et al. 2017, arXiv:1712.05877)."""

    step: Literal["quantize_aware"] = Field(description="quantization-aware training")
    preserve_sparsity: bool = Field(
        False, description="keep zeros zero", json_schema_extra={"default_in_words": "`true` after a prune step"}
    )
    preserve_clusters: bool = Field(
        False, description="keep clusters", json_schema_extra={"default_in_words": "`true` after a cluster step"}
    )
    weight_step: WeightStep | None = Field(
        None,
        description="width of a coarser grid inside int8, in root mean squares of a kernel's weights: the file is as"
        " big on the device, and its zip is smaller; null for int8's own grid",
    )
    layers: dict[str, WeightStep | None] = Field(
        default_factory=dict, description="another weight_step for single layers by name; replaced as a whole"
    )


class CorrectBias(Section):
    """Bias correction (Nagel et al. 2019, arXiv:1906.04721): undoes the shift of each output channel's mean."""

    step: Literal["correct_bias"] = Field(description="bias correction after quantization")


class RoundWeights(Section):
    """Entropy-aware rounding of the int8 kernels: rate against distortion, on the calibration rows, without labels."""

    step: Literal["round_weights"] = Field(description="entropy-aware rounding; docs/decisions/0008 has the method")
    noise_per_bit: Rate = Field(
        1e-7, description="output noise, relative to the output's power, that is accepted for each bit saved"
    )


class Slim(Section):
    """The same outputs from fewer bytes: removes names, statistics, metadata and duplicate buffers from the file."""

    step: Literal["slim"] = Field(description="lossless removal of what no device reads")


Step = Annotated[Tune | Prune | ReEstimateBatchNorm | Cluster | QuantizeAware, Field(discriminator="step")]
Finish = Annotated[CorrectBias | RoundWeights | Slim, Field(discriminator="step")]


class Recipe(Section):
    """Training steps in their order, the precision of the exported file, and steps that work on the file.

    A built-in recipe is changed key by key. `steps` and `finish` are lists, or mappings by the name of the step: a
    mapping changes the steps of a built-in recipe, a list replaces them.
    """

    steps: list[Step] = Field(default_factory=list, description="training steps in their order")
    precision: Literal["float32", "float16", "dynamic", "int8", "int16x8"] = Field(
        "int8",
        description="numbers of the file: `dynamic` has int8 weights and float arithmetic, `int16x8` int8 weights "
        "and int16 activations",
    )
    float_layers: list[str] = Field(
        default_factory=list, description="layers that stay float inside an int8 file, by name"
    )
    finish: list[Finish] = Field(default_factory=list, description="steps on the exported file, in their order")

    @model_validator(mode="before")
    @classmethod
    def _preserve_what_was_made_before(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("steps"), list):
            return given
        return {**given, "steps": _with_preserved(given["steps"])}

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        for problem in (_repeated(self), _wrong_order(self), _not_preserved(self), _wrong_precision(self)):
            if problem:
                raise ValueError(problem)
        return self

    def names(self) -> list[str]:
        """Return the names of the training steps."""
        return [step.step for step in self.steps]


def _with_preserved(steps: list[Any]) -> list[Any]:
    """Return the steps with `preserve_sparsity` and `preserve_clusters` as the steps before them require."""
    result: list[Any] = []
    before: set[object] = set()
    for step in steps:
        name = step.get("step") if isinstance(step, dict) else None
        needed = {}
        if name in {"cluster", "quantize_aware"}:
            needed["preserve_sparsity"] = "prune" in before
        if name == "quantize_aware":
            needed["preserve_clusters"] = "cluster" in before
        result.append({**needed, **step} if isinstance(step, dict) else step)
        before.add(name if isinstance(name, str) else None)
    return result


def _repeated(recipe: Recipe) -> str | None:
    for part in (recipe.names(), [step.step for step in recipe.finish]):
        if len(set(part)) < len(part):
            return f"steps {part} repeat a technique; name each once"
    return None


def _wrong_order(recipe: Recipe) -> str | None:
    names, finish = recipe.names(), [step.step for step in recipe.finish]
    if "quantize_aware" in names[:-1]:
        return "quantize_aware fixes the grid of the weights: make it the last step"
    if "cluster" in names and set(names[names.index("cluster") :]) & {"prune", "tune"}:
        return "prune and tune move weights out of their clusters: put them before cluster"
    if "prune" in names and "tune" in names[names.index("prune") :]:
        return "tune brings the pruned weights back: put it before prune"
    if "slim" in finish[:-1]:
        return "slim removes what the others read: make it the last step of finish"
    return None


def _not_preserved(recipe: Recipe) -> str | None:
    pruned, clustered = "prune" in recipe.names(), "cluster" in recipe.names()
    for step in recipe.steps:
        if isinstance(step, Cluster | QuantizeAware) and step.preserve_sparsity != pruned:
            return (
                f"{step.step} has preserve_sparsity: {step.preserve_sparsity}; true needs a prune step before it, "
                "and a prune step needs it"
            )
        if isinstance(step, QuantizeAware) and step.preserve_clusters != clustered:
            return "preserve_clusters: true needs a cluster step before it, and a cluster step needs it"
        if isinstance(step, QuantizeAware) and clustered and {step.weight_step, *step.layers.values()} != {None}:
            return "weight_step would merge clusters: set weight_step: null, or leave out the cluster step"
    return None


def _wrong_precision(recipe: Recipe) -> str | None:
    names, finish = recipe.names(), [step.step for step in recipe.finish]
    if "quantize_aware" in names and recipe.precision != "int8":
        return "quantize_aware trains for int8: set precision: int8"
    if recipe.float_layers and recipe.precision != "int8":
        return f"float_layers leaves layers of an int8 file in float: precision {recipe.precision} has no use for it"
    if recipe.float_layers and "quantize_aware" in names:
        return "float_layers works after training; quantize_aware names by itself the layers that it cannot take"
    for step in {"correct_bias", "round_weights"} & set(finish):
        if recipe.precision != "int8":
            return f"{step} works on an int8 file: set precision: int8, or leave the step out"
    if "correct_bias" in finish and "quantize_aware" in names:
        return "correct_bias compares with the model before quantization; quantize_aware has trained its biases since"
    return None
